package workspace

import (
	"context"
	"slices"

	"switchboard/internal/intercom"
)

// Regions are where workspaces are hosted.
var Regions = []string{"us", "eu", "au"}

// RegionOf is the region in which a token is known; empty if none of those asked knows it. A wrong region looks
// like a wrong token, so one must try. client makes a client for a region, and but is one that is not tried.
func RegionOf(ctx context.Context, client func(region string) (*intercom.Client, error), but string) string {
	others := slices.DeleteFunc(slices.Clone(Regions), func(region string) bool { return region == but })
	known := make(chan string, len(others))
	for _, region := range others {
		go func() {
			if c, err := client(region); err != nil {
				region = ""
			} else if _, err := c.Me(ctx); err != nil {
				region = ""
			}
			known <- region
		}()
	}
	for range others {
		select {
		case region := <-known:
			if region != "" {
				return region
			}
		case <-ctx.Done():
			return ""
		}
	}
	return ""
}
