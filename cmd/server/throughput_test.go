package main

import (
	"slices"
	"testing"

	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
)

// BenchmarkThroughput measures SQLite and PostgreSQL side by side in one run, beside the floor of
// BenchmarkIntake: events acknowledged and decided, and actions performed, for which Intercom's limit
// is taken away. Run it with a fixed number, for instance
//
//	go test ./cmd/server -run '^$' -bench Throughput -benchtime 20000x
//
// The server that SWITCHBOARD_TEST_POSTGRES names should be on this machine and do nothing else.
func BenchmarkThroughput(b *testing.B) {
	requests := loadRequests(b, b.N)
	const rounds = 3
	var floor, sqlite, postgres []load
	for part := range slices.Chunk(requests, (len(requests)+rounds-1)/rounds) {
		floor = append(floor, measureFloor(b, part))
		o := simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true, JournalCap: len(part), RateLimit: 1_000_000}
		sqlite = append(sqlite, measureServiceWith(b, o, newFile(b), part))
		postgres = append(postgres, measureServiceWith(b, o, storetest.PostgresURL(b, b.TempDir()), part))
	}
	f, s, p := median(floor), median(sqlite), median(postgres)
	b.ReportMetric(0, "ns/op") // the time of all three together says nothing
	b.ReportMetric(f.rate, "floor-events/s")
	b.ReportMetric(s.rate/f.rate, "sqlite-of-floor")
	b.ReportMetric(p.rate/f.rate, "postgres-of-floor")
	b.ReportMetric(s.decided, "sqlite-decided/s")
	b.ReportMetric(p.decided, "postgres-decided/s")
	b.ReportMetric(s.acted, "sqlite-actions/s")
	b.ReportMetric(p.acted, "postgres-actions/s")
	b.ReportMetric(s.p99.Seconds()*1e3, "sqlite-p99-ms")
	b.ReportMetric(p.p99.Seconds()*1e3, "postgres-p99-ms")
	b.ReportMetric(float64(s.ackCPU.Microseconds()), "sqlite-ack-cpu-us")
	b.ReportMetric(float64(p.ackCPU.Microseconds()), "postgres-ack-cpu-us")
	b.ReportMetric(float64(s.decidedCPU.Microseconds()), "sqlite-decided-cpu-us")
	b.ReportMetric(float64(p.decidedCPU.Microseconds()), "postgres-decided-cpu-us")
	b.ReportMetric(p.peakMB, "postgres-peak-MB")
}
