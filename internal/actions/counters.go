package actions

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// CounterSpec declares a counter that rules add to (settings.counters in a rules file).
type CounterSpec struct {
	// Name is what rules call it; its metric is switchboard_custom_NAME_total.
	Name string
	// Help says what is counted.
	Help string
	// Labels are the names of its labels, in order.
	Labels []string
}

// Bounds of counters: a label whose values come from customers must not fill the memory of
// whoever collects the metrics.
const (
	// MaxCounters is how many counters may be declared.
	MaxCounters = 50
	// MaxCounterLabels is how many labels a counter may have.
	MaxCounterLabels = 5
	// maxSeries is how many combinations of label values a counter has at the most. What comes
	// after that is counted with OtherLabel in every label.
	maxSeries = 200
	// maxLabelValue is how long the value of a label may be, in characters.
	maxLabelValue = 100
	// OtherLabel is the value of the labels of what is beyond the bound.
	OtherLabel = "other"
)

// Counters are the counters that rules add to. They begin at zero with the process, as
// Prometheus expects. It is a prometheus.Collector and safe for concurrent use.
type Counters struct {
	mu     sync.Mutex
	byName map[string]*counter
}

type counter struct {
	spec   CounterSpec
	desc   *prometheus.Desc
	series map[string]*series // by their values, joined
}

type series struct {
	values []string
	total  float64
}

// NewCounters makes an empty set.
func NewCounters() *Counters { return &Counters{byName: map[string]*counter{}} }

// Declare makes these the counters that exist. One that was there before with the same labels
// keeps its count; one without labels begins at zero, so that rates work from the first.
func (c *Counters) Declare(specs []CounterSpec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.byName
	c.byName = make(map[string]*counter, len(specs))
	for _, spec := range specs {
		now := &counter{
			spec: spec, series: map[string]*series{},
			desc: prometheus.NewDesc("switchboard_custom_"+spec.Name+"_total", spec.Help, spec.Labels, nil),
		}
		if old := before[spec.Name]; old != nil && slices.Equal(old.spec.Labels, spec.Labels) {
			now.series = old.series
		}
		if len(spec.Labels) == 0 && len(now.series) == 0 {
			now.series[""] = &series{}
		}
		c.byName[spec.Name] = now
	}
}

// Add adds to a counter. Labels that the counter does not have are passed over, those that are
// missing are empty. It tells whether there is such a counter.
func (c *Counters) Add(name string, labels map[string]string, by float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	counter := c.byName[name]
	if counter == nil {
		return false
	}
	values := make([]string, len(counter.spec.Labels))
	for i, label := range counter.spec.Labels {
		values[i] = short(strings.ToValidUTF8(labels[label], "\uFFFD"), maxLabelValue)
	}
	counter.of(values).total += by
	return true
}

// of is the series with these values, or the one for what is beyond the bound.
func (c *counter) of(values []string) *series {
	key := strings.Join(values, "\xff")
	if s := c.series[key]; s != nil {
		return s
	}
	if len(c.series) >= maxSeries {
		for i := range values {
			values[i] = OtherLabel
		}
		if key = strings.Join(values, "\xff"); c.series[key] != nil {
			return c.series[key]
		}
	}
	s := &series{values: values}
	c.series[key] = s
	return s
}

// Describe tells of no metrics: which there are changes with the rules.
func (c *Counters) Describe(chan<- *prometheus.Desc) {}

// Collect sends the counters as they stand.
func (c *Counters) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		counter := c.byName[name]
		for _, s := range counter.series {
			ch <- prometheus.MustNewConstMetric(counter.desc, prometheus.CounterValue, s.total, s.values...)
		}
	}
}
