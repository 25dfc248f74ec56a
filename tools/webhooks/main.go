// What Knative's own admission webhooks say of manifests.
//
//	webhooks [FLAG…] < objects.yaml
//
// Each FLAG is a key of config-features that the cluster has enabled, such as kubernetes.podspec-nodeselector. One
// complaint a line goes to standard output, the number of objects that were asked about to standard error. The exit
// code is 1 when there is a complaint, 2 when the input cannot be read.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	eventing "knative.dev/eventing/pkg/apis/eventing/v1"
	sources "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/config"
	serving "knative.dev/serving/pkg/apis/serving/v1"
	strict "sigs.k8s.io/yaml"
)

type resource interface {
	apis.Defaultable
	apis.Validatable
}

var kinds = map[metav1.TypeMeta]func() resource{
	{APIVersion: "serving.knative.dev/v1", Kind: "Service"}:         func() resource { return &serving.Service{} },
	{APIVersion: "serving.knative.dev/v1", Kind: "Route"}:           func() resource { return &serving.Route{} },
	{APIVersion: "serving.knative.dev/v1", Kind: "Configuration"}:   func() resource { return &serving.Configuration{} },
	{APIVersion: "sources.knative.dev/v1", Kind: "PingSource"}:      func() resource { return &sources.PingSource{} },
	{APIVersion: "sources.knative.dev/v1", Kind: "SinkBinding"}:     func() resource { return &sources.SinkBinding{} },
	{APIVersion: "sources.knative.dev/v1", Kind: "ContainerSource"}: func() resource { return &sources.ContainerSource{} },
	{APIVersion: "eventing.knative.dev/v1", Kind: "Trigger"}:        func() resource { return &eventing.Trigger{} },
}

type header struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

func main() {
	ctx, err := cluster(os.Args[1:])
	if err != nil {
		stop(err)
	}
	asked, refused := 0, 0
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var head header
		if err == nil {
			err = strict.Unmarshal(document, &head)
		}
		if err != nil {
			stop(err)
		}
		make, known := kinds[head.TypeMeta]
		if !known {
			continue
		}
		asked++
		if fault := complaint(ctx, document, make()); fault != nil {
			refused++
			fmt.Printf("%s %s: %s\n", head.Kind, head.Name, strings.ReplaceAll(fault.Error(), "\n", "; "))
		}
	}
	fmt.Fprintln(os.Stderr, asked)
	if refused > 0 {
		os.Exit(1)
	}
}

func cluster(flags []string) (context.Context, error) {
	enabled := map[string]string{}
	for _, flag := range flags {
		enabled[flag] = "enabled"
	}
	features, err := config.NewFeaturesConfigFromMap(enabled)
	if err != nil {
		return nil, err
	}
	defaults, err := config.NewDefaultsConfigFromMap(map[string]string{})
	if err != nil {
		return nil, err
	}
	ctx := config.ToContext(context.Background(), &config.Config{Features: features, Defaults: defaults})
	return apis.WithinCreate(ctx), nil
}

func complaint(ctx context.Context, document []byte, object resource) error {
	if err := strict.UnmarshalStrict(document, object); err != nil {
		return err
	}
	object.SetDefaults(ctx)
	if fault := object.Validate(ctx).Filter(apis.ErrorLevel); fault != nil {
		return fault
	}
	return nil
}

func stop(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
