package tools

import (
	"errors"
	"maps"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// cluster is what kubectl apply -k hands to the cluster, read as the cluster reads it.
type cluster struct {
	deployment appsv1.Deployment
	service    corev1.Service
	disruption policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	configs    map[string]corev1.ConfigMap
	kinds      map[string]int
}

// build runs kustomize on the example and reads its result strictly: a misspelt field is an error.
func build(t *testing.T) cluster {
	t.Helper()
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes/example")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{configs: map[string]corev1.ConfigMap{}, kinds: map[string]int{}}
	for _, r := range result.Resources() {
		c.kinds[r.GetKind()]++
		var config corev1.ConfigMap
		into := map[string]any{
			"Deployment": &c.deployment, "Service": &c.service, "PodDisruptionBudget": &c.disruption, "NetworkPolicy": &c.network,
			"ConfigMap": &config, "Namespace": &corev1.Namespace{}, "ServiceAccount": &corev1.ServiceAccount{},
			"Ingress": &networkingv1.Ingress{}, "PodMonitor": &podMonitor{},
		}[r.GetKind()]
		if into == nil {
			t.Fatalf("nothing is known of %s", r.GetKind())
		}
		text, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		wrong, err := json.UnmarshalStrict(text, into)
		if err := errors.Join(append(wrong, err)...); err != nil {
			t.Errorf("%s %s: %v", r.GetKind(), r.GetName(), err)
		}
		if r.GetKind() == "ConfigMap" {
			c.configs[config.Name] = config
		}
		if r.GetKind() != "Namespace" && r.GetNamespace() != "switchboard" {
			t.Errorf("%s is in namespace %q", r.GetKind(), r.GetNamespace())
		}
	}
	return c
}

// podMonitor is the part of the Prometheus operator's type that is used here.
type podMonitor struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		Selector            map[string]map[string]string `json:"selector"`
		PodMetricsEndpoints []struct {
			Port          string                       `json:"port"`
			Path          string                       `json:"path"`
			Interval      string                       `json:"interval"`
			Authorization map[string]map[string]string `json:"authorization"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

func TestKubernetes_everything_selects_the_pods(t *testing.T) {
	c := build(t)
	labels := c.deployment.Spec.Template.Labels
	selectors := map[string]map[string]string{
		"deployment": c.deployment.Spec.Selector.MatchLabels, "service": c.service.Spec.Selector,
		"disruption": c.disruption.Spec.Selector.MatchLabels, "network": c.network.Spec.PodSelector.MatchLabels,
	}
	for _, spread := range c.deployment.Spec.Template.Spec.TopologySpreadConstraints {
		selectors["spread by "+spread.TopologyKey] = spread.LabelSelector.MatchLabels
	}
	for name, selector := range selectors {
		if len(selector) == 0 || !maps.Equal(selector, labels) {
			t.Errorf("%s selects %v, the pods have %v", name, selector, labels)
		}
	}
}

// The pod may do what the profile "restricted" allows, and has a root that cannot be written to.
func TestKubernetes_restricted(t *testing.T) {
	pod := build(t).deployment.Spec.Template.Spec
	c := pod.Containers[0]
	p, s := pod.SecurityContext, c.SecurityContext
	switch {
	case !*p.RunAsNonRoot || *p.RunAsUser == 0 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Error("the pod is not restricted")
	case *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL":
		t.Error("the container is not restricted")
	case *pod.AutomountServiceAccountToken:
		t.Error("the pod has a token of the cluster")
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			t.Errorf("volume %s is a folder of the node", v.Name)
		}
	}
	for _, m := range c.VolumeMounts {
		if m.SubPath != "" {
			t.Errorf("%s is a subPath: it would never be updated", m.MountPath)
		}
		if m.Name != "state" && !m.ReadOnly {
			t.Errorf("%s can be written to", m.MountPath)
		}
	}
}

// A roll-out and a drained node leave the replicas that there were; a stop has its time.
func TestKubernetes_never_fewer(t *testing.T) {
	c := build(t)
	d := c.deployment.Spec
	rolling := d.Strategy.RollingUpdate
	if *d.Replicas < 2 || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxSurge.IntValue() < 1 {
		t.Error("a roll-out takes a replica before there is another")
	}
	if c.disruption.Spec.MaxUnavailable.IntValue() != 1 {
		t.Error("draining nodes may take every replica")
	}
	const grace = 20 // seconds, of serve
	container := d.Template.Spec.Containers[0]
	wait := container.Lifecycle.PreStop.Sleep.Seconds
	if *d.Template.Spec.TerminationGracePeriodSeconds <= wait+grace {
		t.Error("a clean stop is cut short")
	}
	for name, probe := range map[string]*corev1.Probe{"/healthz": container.LivenessProbe, "/readyz": container.ReadinessProbe} {
		if probe.HTTPGet.Path != name {
			t.Errorf("%s is asked in place of %s", probe.HTTPGet.Path, name)
		}
	}
}

// Names that are used are those that are made, in spite of kustomize's hashes.
func TestKubernetes_names(t *testing.T) {
	c := build(t)
	pod := c.deployment.Spec.Template.Spec
	if pod.Containers[0].Image != "registry.example.com/switchboard:v0.1.0" {
		t.Errorf("image %s", pod.Containers[0].Image)
	}
	settings := pod.Containers[0].EnvFrom[0].ConfigMapRef.Name
	if !strings.HasPrefix(settings, "switchboard-") || c.configs[settings].Data["DATABASE_URL"] == "" {
		t.Errorf("settings %s are not among %v", settings, maps.Keys(c.configs))
	}
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil && (v.ConfigMap.Name != "switchboard-rules" || c.configs[v.ConfigMap.Name].Data["rules.yaml"] == "") {
			t.Errorf("rules %s are not there, or have a hash in their name: a change would replace the pods", v.ConfigMap.Name)
		}
	}
	ports := map[string]bool{}
	for _, p := range pod.Containers[0].Ports {
		ports[p.Name] = true
	}
	if !ports[c.service.Spec.Ports[0].TargetPort.String()] {
		t.Error("the service's port is none of the pod's")
	}
	for _, in := range c.network.Spec.Ingress {
		if !ports[in.Ports[0].Port.String()] {
			t.Errorf("port %s of the network policy is none of the pod's", in.Ports[0].Port)
		}
	}
}
