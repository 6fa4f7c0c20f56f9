package app_test

import (
	"testing"

	"switchboard/internal/store/storetest"
)

// TestOnPostgres holds the whole suite against PostgreSQL.
func TestOnPostgres(t *testing.T) { storetest.OnPostgres(t, "") }
