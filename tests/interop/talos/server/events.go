package main

import (
	"errors"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Events that wait for a watcher.
const backlog = 64

// Somebody else's sequence.
const stranger = "somebody-else"

// Events begins with an empty one, and ends with the machine's connection.
func (t *talos) Events(_ *machine.EventsRequest, stream machine.MachineService_EventsServer) error {
	from, err := t.scripted(stream.Context())
	if err != nil {
		return err
	}

	watcher := make(chan *machine.Event, backlog)

	t.mutex.Lock()
	from.Machine.watchers = append(from.Machine.watchers, watcher)
	t.mutex.Unlock()

	if err := stream.Send(&machine.Event{}); err != nil {
		return err
	}

	for {
		select {
		case event, more := <-watcher:
			if !more {
				return status.Error(codes.Unavailable, "error reading from server: EOF")
			}

			if err := stream.Send(event); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// tellReset tells what happens in a reset, beside what others do at the same time.
func (c *controlPlane) tellReset(actor string) {
	c.tell(stranger, sequence("reset", common.Code_LOCKED, "of another actor"))
	c.tell("", durationpb.New(7))

	if code, fails := common.Code_value[c.ResetFails]; fails {
		c.tell(actor, sequence("reset", common.Code(code), "the script says so"))

		return
	}

	begin := full(&machine.SequenceEvent{Sequence: "reset"})
	begin.Sequence, begin.Action, begin.Error = "reset", machine.SequenceEvent_START, nil
	c.tell(actor, begin)

	for _, name := range []string{"stopEverything", "resetSpec", "reboot"} {
		for _, action := range []machine.PhaseEvent_Action{machine.PhaseEvent_START, machine.PhaseEvent_STOP} {
			phase := full(&machine.PhaseEvent{})
			phase.Phase, phase.Action = name, action
			c.tell(actor, phase)
		}
	}
}

func sequence(name string, code common.Code, text string) *machine.SequenceEvent {
	event := full(&machine.SequenceEvent{})
	event.Sequence, event.Action = name, machine.SequenceEvent_NOOP
	event.Error.Code, event.Error.Message = code, text

	return event
}

// tell sends an event to all who watch, named as Talos names its payloads.
func (c *controlPlane) tell(actor string, payload proto.Message) {
	bytes, err := proto.Marshal(payload)
	if err != nil {
		panic(errors.Join(errors.New("a filled message is not encoded"), err))
	}

	event := full(&machine.Event{})
	event.Metadata.Error = ""
	event.ActorId = actor
	event.Data = &anypb.Any{
		TypeUrl: "talos/runtime/" + string(payload.ProtoReflect().Descriptor().FullName()),
		Value:   bytes,
	}

	for _, watcher := range c.watchers {
		select {
		case watcher <- event:
		default:
		}
	}
}

// hangUp ends the connections of all who watch.
func (c *controlPlane) hangUp() {
	for _, watcher := range c.watchers {
		close(watcher)
	}

	c.watchers = nil
}
