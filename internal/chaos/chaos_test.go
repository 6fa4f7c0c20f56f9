package chaos_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"switchboard/internal/chaos"
)

var (
	oneSeed = flag.Uint64("chaos.seed", 0, "run the schedule of this seed alone")
	from    = flag.Uint64("chaos.from", 1, "the first seed to run")
	seeds   = flag.Int("chaos.seeds", 0, "how many seeds to run; 0 is a few, or 50 with -chaos.long")
	long    = flag.Bool("chaos.long", false, "run long schedules")
	without = flag.Int("chaos.without", -1, "leave this fault of the schedule out")
	logs    = flag.String("chaos.logs", "", "folder for the logs of what the replicas say")
)

// shape is what the flags ask for.
func shape(replicas int) chaos.Shape {
	if *long {
		return chaos.Shape{Replicas: replicas, Length: 8 * time.Minute, Conversations: 10, Messages: 10, Faults: 10}
	}
	return chaos.Shape{Replicas: replicas, Length: 4 * time.Minute, Conversations: 6, Messages: 6, Faults: 5}
}

func chosenSeeds(few int) (list []uint64) {
	if *oneSeed != 0 {
		return []uint64{*oneSeed}
	}
	n := few
	if *long {
		n = 50
	}
	if *seeds > 0 {
		n = *seeds
	}
	for seed := range n {
		list = append(list, *from+uint64(seed))
	}
	return list
}

// TestI1_to_I11_under_chaos runs schedules of faults and holds what came of them against the invariants.
func TestI1_to_I11_under_chaos(t *testing.T) {
	for _, engine := range []struct {
		name          string
		replicas, few int
	}{{"sqlite", 1, 4}, {"postgres", 3, 2}} {
		t.Run(engine.name, func(t *testing.T) {
			for _, seed := range chosenSeeds(engine.few) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					s := chaos.Draw(seed, shape(engine.replicas))
					if *without >= 0 {
						s = s.Without(*without)
					}
					t.Log(s)
					e := perform(t, s, variant{})
					if list := chaos.Check(e); len(list) > 0 {
						t.Error(chaos.Render(s, list))
					}
				})
			}
		})
	}
}
