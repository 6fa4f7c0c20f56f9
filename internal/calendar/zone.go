package calendar

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are known on machines without any, such as an empty container
)

//go:embed zones.txt
var zoneNames string

// Zones are the names of all time zones, such as Europe/Dublin.
func Zones() []string { return strings.Fields(zoneNames) }

// LoadZone finds a time zone by its name. The zone of the machine has none: the same rules
// must mean the same everywhere.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q", name)
	}
	return zone, nil
}
