package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

type eventOptions struct {
	perSecond float64
	length    time.Duration
}

// As many calls may be under way at once as an API server that answers in 100 ms needs for 500 a second, and some.
const eventWriters = 64

type eventReport struct {
	Sent      int64   `json:"sent"`
	Failed    int64   `json:"failed"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
}

// makeEvents patches an annotation of one gateway pod after the other, in an order in which neighbours belong to different gateways. The pace is open:
// an event that is late makes no other late, and what the API server could not keep up with shows in the report.
func makeEvents(ctx context.Context, config *rest.Config, options eventOptions) error {
	config.QPS, config.Burst = -1, 0
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	pods := client.Resource(corev1.SchemeGroupVersion.WithResource("pods"))
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: gatewayLabel})
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("there are no pods with the label %s", gatewayLabel)
	}
	order := interleaved(list.Items)

	var sent, failed atomic.Int64
	var writers sync.WaitGroup
	slots := make(chan int, eventWriters)
	for range eventWriters {
		writers.Go(func() {
			for n := range slots {
				pod := order[n%len(order)]
				patch := fmt.Sprintf(`{"metadata":{"annotations":{"bench.sluice.dev/event":"%d"}}}`, n)
				_, err := pods.Namespace(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				if err != nil {
					failed.Add(1)
				} else {
					sent.Add(1)
				}
			}
		})
	}
	begin := time.Now()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; {
		passed := time.Since(begin)
		if passed >= options.length {
			break
		}
		for ; n < int(passed.Seconds()*options.perSecond); n++ {
			slots <- n
		}
		<-pace.C
	}
	close(slots)
	writers.Wait()
	seconds := time.Since(begin).Seconds()
	return json.NewEncoder(os.Stdout).Encode(eventReport{
		Sent: sent.Load(), Failed: failed.Load(), Seconds: seconds, PerSecond: float64(sent.Load()) / seconds,
	})
}

func interleaved(pods []metav1.PartialObjectMetadata) []metav1.PartialObjectMetadata {
	groups := map[string][]metav1.PartialObjectMetadata{}
	var names []string
	longest := 0
	for _, pod := range pods {
		name := pod.Namespace + "/" + pod.Labels[gatewayLabel]
		if len(groups[name]) == 0 {
			names = append(names, name)
		}
		groups[name] = append(groups[name], pod)
		longest = max(longest, len(groups[name]))
	}
	order := make([]metav1.PartialObjectMetadata, 0, len(pods))
	for i := range longest {
		for _, name := range names {
			if i < len(groups[name]) {
				order = append(order, groups[name][i])
			}
		}
	}
	return order
}
