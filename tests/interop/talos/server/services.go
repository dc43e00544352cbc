package main

import (
	"context"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func (t *talos) ServiceList(ctx context.Context, _ *emptypb.Empty) (*machine.ServiceListResponse, error) {
	from, err := t.route(ctx)
	if err != nil {
		return nil, err
	}

	t.mutex.Lock()
	defer t.mutex.Unlock()

	message := full(&machine.ServiceList{})

	if from.Machine != nil {
		yes := true
		message.Services = []*machine.ServiceInfo{
			service("cri", told(from.Machine.booted, started("cri")), &yes),
			service("kubelet", told(from.Machine.booted, started("kubelet")), nil),
		}

		if now := from.Machine.now(); len(now.history) != 0 {
			message.Services = append(message.Services, service("etcd", now.history, now.healthy))
		}

		from.Machine.advance()
	}

	messages, err := saidOnce(message, from)

	return &machine.ServiceListResponse{Messages: messages}, err
}

// A service; of a health that is not known the last change is Go's zero time, as Talos has it.
func service(id string, history []happened, healthy *bool) *machine.ServiceInfo {
	info := full(&machine.ServiceInfo{})
	info.Id = id
	info.State = history[len(history)-1].state
	info.Events.Events = nil

	for _, one := range history {
		event := full(&machine.ServiceEvent{})
		event.State, event.Msg, event.Ts = one.state, one.message, timestamppb.New(one.at)
		info.Events.Events = append(info.Events.Events, event)
	}

	info.Health.Unknown = healthy == nil
	info.Health.Healthy = healthy != nil && *healthy

	if healthy == nil {
		info.Health.LastMessage, info.Health.LastChange = "", timestamppb.New(time.Time{})
	}

	return info
}

func (t *talos) ServiceRestart(ctx context.Context, _ *machine.ServiceRestartRequest) (*machine.ServiceRestartResponse, error) {
	from, err := t.scripted(ctx)
	if err != nil {
		return nil, err
	}

	messages, err := saidOnce(full(&machine.ServiceRestart{}), from)

	return &machine.ServiceRestartResponse{Messages: messages}, err
}
