package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type managerOptions struct {
	metricsAddress string
	namespace      string
	workers        int
}

var gatewayKind = schema.GroupVersionKind{Group: "sluice.dev", Version: "v1alpha1", Kind: "RealtimeGateway"}

func newGateway() *unstructured.Unstructured {
	gateway := &unstructured.Unstructured{}
	gateway.SetGroupVersionKind(gatewayKind)
	return gateway
}

// The same objects as the operator caches: of each kind those with our label, all RealtimeGateways and all nodes. managedFields are dropped, as a
// manager that minds its memory does; it is the one transform that controller-runtime has ready.
func cacheOptions() (cache.Options, error) {
	labelled, err := labels.NewRequirement(gatewayLabel, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, err
	}
	ours := cache.ByObject{Label: labels.NewSelector().Add(*labelled)}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:                   ours,
			&corev1.Service{}:               ours,
			&corev1.ConfigMap{}:             ours,
			&policyv1.PodDisruptionBudget{}: ours,
			&appsv1.ControllerRevision{}:    ours,
		},
	}, nil
}

func manage(ctx context.Context, config *rest.Config, options managerOptions) error {
	ctrl.SetLogger(klog.Background())
	caches, err := cacheOptions()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        clientgoscheme.Scheme,
		Cache:                         caches,
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}}, // Else each Get is a call.
		Metrics:                       server.Options{BindAddress: options.metricsAddress},
		LeaderElection:                true,
		LeaderElectionID:              "bench-peer",
		LeaderElectionNamespace:       options.namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	latency := newLatency(metrics.Registry)
	enqueue := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []reconcile.Request {
		request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: gatewayOf(object)}}
		latency.heard(request)
		return []reconcile.Request{request}
	})
	err = ctrl.NewControllerManagedBy(manager).
		Named("realtimegateway").
		Watches(newGateway(), enqueue).
		Watches(&corev1.Pod{}, enqueue).
		Watches(&corev1.Service{}, enqueue).
		Watches(&corev1.ConfigMap{}, enqueue).
		Watches(&policyv1.PodDisruptionBudget{}, enqueue).
		Watches(&appsv1.ControllerRevision{}, enqueue).
		// Kept, as the operator keeps them; it looks at a node's pods where the node is about to go, and here none does.
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request { return nil })).
		WithOptions(controller.Options{MaxConcurrentReconciles: options.workers}).
		Complete(&reconciler{client: manager.GetClient(), latency: latency})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

func gatewayOf(object client.Object) string {
	if object.GetObjectKind().GroupVersionKind() == gatewayKind {
		return object.GetName()
	}
	return object.GetLabels()[gatewayLabel]
}

// The least that any controller of such a resource does: it reads the resource and its pods from the cache and counts those that are ready.
type reconciler struct {
	client  client.Client
	latency *latency
}

func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	r.latency.begun(request)
	gateway := newGateway()
	if err := r.client.Get(ctx, request.NamespacedName, gateway); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(request.Namespace), client.MatchingLabels{gatewayLabel: request.Name}); err != nil {
		return reconcile.Result{}, err
	}
	r.latency.show(countReady(pods.Items))
	return reconcile.Result{}, nil
}

func countReady(pods []corev1.Pod) int {
	ready := 0
	for i := range pods {
		for _, condition := range pods[i].Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	return ready
}

// From an event in the handler to the start of the reconcile that answers it; of several events that one reconcile answers the first
// counts. sluice-operator measures itself in the same way (operator/event_latency.h), with the same buckets.
type latency struct {
	mutex   sync.Mutex
	since   map[reconcile.Request]time.Time
	seconds prometheus.Histogram
	ready   prometheus.Gauge
}

func newLatency(registry prometheus.Registerer) *latency {
	l := &latency{
		since: map[reconcile.Request]time.Time{},
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bench_event_latency_seconds",
			Help: "From an event to the start of the reconcile that answers it.",
			Buckets: []float64{.0001, .00015, .0002, .0003, .0004, .0005, .0007, .001, .0015, .002, .0025, .003, .0035, .004, .0045, .005,
				.006, .0075, .01, .015, .02, .03, .05, .1, .2, .5, 1},
		}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bench_ready_pods", Help: "Of the gateway that was looked at last."}),
	}
	registry.MustRegister(l.seconds, l.ready)
	return l
}

func (l *latency) heard(request reconcile.Request) {
	now := time.Now()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, waits := l.since[request]; !waits {
		l.since[request] = now
	}
}

func (l *latency) begun(request reconcile.Request) {
	now := time.Now()
	l.mutex.Lock()
	since, waits := l.since[request]
	delete(l.since, request)
	l.mutex.Unlock()
	if waits {
		l.seconds.Observe(now.Sub(since).Seconds())
	}
}

func (l *latency) show(ready int) { l.ready.Set(float64(ready)) }
