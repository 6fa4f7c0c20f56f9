package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// FillRandom puts rows with any content into every table of a SQLite database.
func FillRandom(s *Store, random *rand.Rand, most int) {
	must(s.writer.do(context.Background(), func(t *tx) error {
		for _, table := range allTables(s) {
			columns, kinds := columnsOf(s, table)
			for n := range random.IntN(most + 1) {
				row := make([]any, len(columns))
				for i, kind := range kinds {
					row[i] = randomValue(random, kind)
				}
				if column := numberedTables[table]; column != "" {
					row[slices.Index(columns, column)] = int64(n*3 + 1)
				}
				if _, err := t.exec(insertRows(table, columns, 1)+" ON CONFLICT DO NOTHING", row...); err != nil {
					return err
				}
			}
		}
		_, err := t.exec("UPDATE lanes SET fence = 0, dirty = 0, visible_at = 0") // as every start does
		return err
	}))
}

func allTables(s *Store) []string {
	t, err := s.read.BeginTx(context.Background(), nil)
	must(err)
	defer func() { _ = t.Rollback() }()
	tables, err := s.tables(context.Background(), t)
	must(err)
	return tables
}

func columnsOf(s *Store, table string) (names, kinds []string) {
	rows, err := s.read.QueryContext(context.Background(), "SELECT name, type FROM pragma_table_info($1)", table)
	must(err)
	must(eachRow(rows, func(r *sql.Rows) error {
		var name, kind string
		err := r.Scan(&name, &kind)
		names, kinds = append(names, name), append(kinds, kind)
		return err
	}))
	return names, kinds
}

func randomValue(random *rand.Rand, kind string) any {
	texts := []string{"", "a", "'", `"quoted"`, "zwölf Öfen", "日本", "🦊", "line\nline", `{"a":[1,null]}`, "$1 ?", strings.Repeat("long ", 400)}
	switch kind {
	case "BIGINT":
		return random.Int64() >> random.IntN(63)
	case "INTEGER":
		return int64(random.IntN(1 << 31))
	case "TEXT":
		return texts[random.IntN(len(texts))] + string(rune('a'+random.IntN(26)))
	case "BLOB":
		b := make([]byte, max(random.IntN(2000)-500, 0)) // an empty one is a case of its own
		for i := range b {
			b[i] = byte(random.IntN(256)) //nolint:gosec // it fits
		}
		return b
	}
	panic("a column of a type that is not known: " + kind)
}

// Dump is every row of every table, as text, in an order of its own, and the last numbers.
func Dump(s *Store) map[string][]string {
	dump := map[string][]string{}
	t, err := s.read.BeginTx(context.Background(), nil)
	must(err)
	defer func() { _ = t.Rollback() }()
	for _, table := range allTables(s) {
		dump[table] = []string{}
		rows, err := t.QueryContext(context.Background(), "SELECT * FROM "+table)
		must(err)
		columns, err := rows.Columns()
		must(err)
		must(eachRow(rows, func(r *sql.Rows) error {
			row, _, err := scanRow(r, len(columns))
			dump[table] = append(dump[table], fmt.Sprintf("%q", row))
			return err
		}))
		slices.Sort(dump[table])
		if column := numberedTables[table]; column != "" {
			last, err := s.lastNumber(context.Background(), t, table, column)
			must(err)
			dump[table] = append(dump[table], fmt.Sprintf("last number %d", last))
		}
	}
	return dump
}

// Numbered are the tables that SQLite or PostgreSQL numbers.
func Numbered(s *Store) (tables []string) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%' ORDER BY name"
	if s.Shared() {
		query = "SELECT cast(table_name AS TEXT) FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY 1"
	}
	rows, err := s.read.QueryContext(context.Background(), query)
	must(err)
	must(eachRow(rows, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, name)
		return err
	}))
	slices.Sort(tables)
	return tables
}

// NumberedTables are those that a move numbers on.
func NumberedTables() (tables []string) {
	for table := range numberedTables {
		tables = append(tables, table)
	}
	slices.Sort(tables)
	return tables
}

// DeleteNewest takes the rows of a table away whose numbers are the highest, and no more.
func DeleteNewest(s *Store) {
	must(s.writer.do(context.Background(), func(t *tx) error {
		for table, column := range numberedTables {
			if _, err := t.exec("DELETE FROM " + table + " WHERE " + column + " = (SELECT max(" + column + ") FROM " + table + ")"); err != nil {
				return err
			}
		}
		return nil
	}))
}
