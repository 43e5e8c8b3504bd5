// The other side of `make bench-operator`, in one program:
//
//	peer manager   a controller-runtime manager that caches what sluice-operator caches and reconciles as little as a controller can
//	peer events    pod events at a fixed rate, which both sides then hear
//
// bench/README.md says what is compared and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const gatewayLabel = "sluice.dev/gateway"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peer: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("one of manager, events is needed")
	}
	flags := flag.NewFlagSet(words[0], flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "path")
	switch words[0] {
	case "manager":
		options := managerOptions{}
		flags.StringVar(&options.metricsAddress, "metrics-address", "127.0.0.1:0", "where /metrics is")
		flags.StringVar(&options.namespace, "namespace", "sluice-system", "of the lease")
		flags.IntVar(&options.workers, "workers", 4, "reconciles at once")
		return with(flags, words[1:], kubeconfig, func(config *rest.Config) error { return manage(ctx, config, options) })
	case "events":
		options := eventOptions{}
		flags.Float64Var(&options.perSecond, "rate", 500, "events a second")
		flags.StringVar(&options.annotation, "annotation", "bench.sluice.dev/event", "that each event changes")
		flags.DurationVar(&options.length, "for", 0, "how long")
		return with(flags, words[1:], kubeconfig, func(config *rest.Config) error { return makeEvents(ctx, config, options) })
	}
	return fmt.Errorf("%s is no command: manager, events", words[0])
}

func with(flags *flag.FlagSet, words []string, kubeconfig *string, then func(*rest.Config) error) error {
	if err := flags.Parse(words); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "bench-peer"
	return then(config)
}
