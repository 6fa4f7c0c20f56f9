package app

import (
	"context"
	"fmt"

	dto "github.com/prometheus/client_model/go"

	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// diagnosis tells of the health of this service.
func (a *App) diagnosis(ctx context.Context, s *store.Store, r operations.DiagnosisRequest) (operations.Diagnosis, error) {
	return operations.Diagnostician{
		Running: true, Version: a.o.Version, Started: a.started, Workspaces: a.workspacesHealth, Process: a.counted,
	}.Diagnose(ctx, s, r)
}

func (a *App) workspacesHealth(ctx context.Context) (list []operations.WorkspaceHealth, err error) {
	for _, w := range a.workspaces {
		h := operations.WorkspaceHealth{
			Name: w.o.Name, ID: w.workspaceID(), Trouble: w.trouble(),
			Ruleset: w.rules.Current().Hash(), LoadedAt: w.rules.loadedAt.Load().UTC(), AheadSeconds: w.client.Skew().Seconds(),
		}
		if p := w.rules.rejected.Load(); p != nil {
			for _, problem := range *p {
				h.Rejected = append(h.Rejected, fmt.Sprintf("%s:%d: %s", problem.File, problem.Line, problem.Message))
			}
		}
		if h.Paused, err = w.engine.Paused(ctx); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// counted reads from the metrics how many webhooks had which result, and the limits of the process.
func (a *App) counted() (webhooks map[string]int64, files *operations.FileLimit) {
	families, _ := a.registry.Gather() // what could not be gathered is missing, and the rest is good
	webhooks = map[string]int64{}
	var limit operations.FileLimit
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "switchboard_webhooks_total":
				webhooks[labelOf(m, "result")] += int64(m.GetCounter().GetValue())
			case "process_open_fds":
				limit.Open = int64(m.GetGauge().GetValue())
			case "process_max_fds":
				limit.Most = int64(m.GetGauge().GetValue())
			}
		}
	}
	if limit.Most > 0 {
		files = &limit
	}
	return webhooks, files
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
