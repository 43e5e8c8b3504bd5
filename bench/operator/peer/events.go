package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

type eventOptions struct {
	perSecond  float64
	length     time.Duration
	annotation string // whose value is the number of the event
}

// As many calls may be under way at once as an API server that answers in 100 ms needs for 500 a second, and some.
const eventWriters = 64

// Takes an object's managedFields away. Source: apimachinery managedfields (isResetManagedFields).
var noManagedFields = []metav1.ManagedFieldsEntry{{}}

type eventReport struct {
	Sent      int64   `json:"sent"`
	Failed    int64   `json:"failed"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
}

// makeEvents changes an annotation of one gateway pod after the other, in an order in which neighbours belong to different gateways. The pace is open:
// an event that is late makes no other late, and what the API server could not keep up with shows in the report. Whole objects are put, as Protobuf, and
// without managedFields, so that nobody keeps account of whose each field is: both would cost the API server as much again, and it is not what is measured.
func makeEvents(ctx context.Context, config *rest.Config, options eventOptions) error {
	config.QPS, config.Burst = -1, 0
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	list, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: gatewayLabel})
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
				pod.ManagedFields = noManagedFields
				metav1.SetMetaDataAnnotation(&pod.ObjectMeta, options.annotation, strconv.Itoa(n))
				written, err := client.CoreV1().Pods(pod.Namespace).Update(ctx, pod, metav1.UpdateOptions{})
				if err != nil {
					failed.Add(1)
				} else {
					order[n%len(order)] = written
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

func interleaved(pods []corev1.Pod) []*corev1.Pod {
	groups := map[string][]*corev1.Pod{}
	var names []string
	longest := 0
	for i := range pods {
		pod := &pods[i]
		name := pod.Namespace + "/" + pod.Labels[gatewayLabel]
		if len(groups[name]) == 0 {
			names = append(names, name)
		}
		groups[name] = append(groups[name], pod)
		longest = max(longest, len(groups[name]))
	}
	order := make([]*corev1.Pod, 0, len(pods))
	for i := range longest {
		for _, name := range names {
			if i < len(groups[name]) {
				order = append(order, groups[name][i])
			}
		}
	}
	return order
}
