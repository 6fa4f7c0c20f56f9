package recovery_test

import (
	"testing"

	"switchboard/internal/store/storetest"
)

func TestOnPostgres(t *testing.T) { storetest.OnPostgres(t, "") }
