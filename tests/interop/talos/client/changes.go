package main

import (
	"context"
	"os"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
)

// The calls that change a node, as talosctl makes them.
func init() {
	calls["wipe"] = wipe
	calls["recover"] = recoverEtcd
	calls["bootstrap"] = bootstrap
	calls["events"] = events
}

// What the events of a reset said until the node's connection ended.
type followed struct {
	Actor     string   `json:"actor"`
	Sequences []string `json:"sequences"`
	Phases    []string `json:"phases"`
	Tasks     []string `json:"tasks"`
	Stages    []string `json:"stages"`
}

// Wipes a partition (EPHEMERAL unless another is named) and follows it, as
// `talosctl reset --graceful=false --reboot --system-labels-to-wipe` does.
func wipe(ctx context.Context, talos *client.Client, how question) (any, error) {
	heard := make(chan client.EventResult)
	// It returns when the first, empty event has come.
	if err := talos.EventsWatchV2(ctx, heard, client.WithTailEvents(-1)); err != nil {
		return nil, err
	}

	label := how.file
	if label == "" {
		label = "EPHEMERAL"
	}

	answer, err := talos.ResetGenericWithResponse(ctx, &machine.ResetRequest{
		Reboot:                 true,
		SystemPartitionsToWipe: []*machine.ResetPartitionSpec{{Label: label, Wipe: true}},
	})
	if err != nil {
		return nil, err
	}

	seen := followed{Actor: answer.GetMessages()[0].GetActorId()}

	for result := range untilItEnds(ctx, heard) {
		if result.Event.ActorID == seen.Actor {
			seen.note(result.Event)
		}
	}

	return seen, nil
}

// The events up to the first error, which is the end of the connection.
func untilItEnds(ctx context.Context, heard <-chan client.EventResult) func(func(client.EventResult) bool) {
	return func(each func(client.EventResult) bool) {
		for {
			select {
			case result := <-heard:
				if result.Error != nil || !each(result) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *followed) note(event client.Event) {
	switch payload := event.Payload.(type) {
	case *machine.SequenceEvent:
		f.Sequences = append(f.Sequences, payload.GetSequence()+" "+payload.GetAction().String())
	case *machine.PhaseEvent:
		if payload.GetAction() == machine.PhaseEvent_START {
			f.Phases = append(f.Phases, payload.GetPhase())
		}
	case *machine.TaskEvent:
		if payload.GetAction() == machine.TaskEvent_START {
			f.Tasks = append(f.Tasks, payload.GetTask())
		}
	}
}

func recoverEtcd(ctx context.Context, talos *client.Client, how question) (any, error) {
	file, err := os.Open(how.file)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck

	return talos.EtcdRecover(ctx, file)
}

func bootstrap(ctx context.Context, talos *client.Client, _ question) (any, error) {
	return nil, talos.Bootstrap(ctx, &machine.BootstrapRequest{RecoverEtcd: true})
}

// Everything that the node still knows, up to the event that etcd is in this state.
func events(ctx context.Context, talos *client.Client, how question) (any, error) {
	heard := make(chan client.EventResult)
	if err := talos.EventsWatchV2(ctx, heard, client.WithTailEvents(-1)); err != nil {
		return nil, err
	}

	seen := followed{}
	states := []string{}

	for result := range untilItEnds(ctx, heard) {
		switch payload := result.Event.Payload.(type) {
		case *machine.MachineStatusEvent:
			seen.Stages = append(seen.Stages, payload.GetStage().String())
		case *machine.ServiceStateEvent:
			if payload.GetService() == "etcd" {
				states = append(states, payload.GetAction().String())
			}

			if payload.GetAction().String() == how.file && payload.GetHealth().GetHealthy() {
				return map[string]any{"states": states, "stages": seen.Stages}, nil
			}
		}
	}

	return map[string]any{"states": states, "stages": seen.Stages}, ctx.Err()
}
