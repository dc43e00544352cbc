package main

import (
	"fmt"
	"net"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
)

const (
	// How long a reboot takes: longer than the pause between two looks.
	reboot = 4 * time.Second
	// How long ago the machines booted, and etcd began to wait.
	uptime  = 10 * time.Minute
	waitFor = 5 * time.Minute
)

// A control plane whose etcd is wiped and restored. What is exported the scenario says.
type controlPlane struct {
	Hostname string `json:"hostname"`
	// As `v1.13.9`.
	Version string `json:"version"`
	// What its etcd is at first: waiting, stopped, running.
	Etcd string `json:"etcd"`
	// etcd has a partition of its own.
	EtcdPartition bool `json:"etcdPartition"`
	// Folders that are somebody's, with their bytes.
	LocalData map[string]int64 `json:"localData"`
	// File that lies there as the database.
	Database string `json:"database"`
	// Of common.Code: what a reset fails with. Empty: it does not.
	ResetFails string `json:"resetFails"`
	// What the restore fails with, and whether it has written the database by then.
	RestoreFails string `json:"restoreFails"`
	RestoreDirty bool   `json:"restoreDirty"`
	// What Bootstrap is refused with, call by call, before it is granted.
	Refusals []refusal `json:"refusals"`

	boots    int
	away     time.Time
	booted   time.Time
	uploaded *int64
	restored bool
	stages   []stage
	watchers []chan *machine.Event
}

type refusal struct {
	Code    codes.Code `json:"code"`
	Message string     `json:"message"`
}

// What etcd is for a while. A stage ends when somebody has seen it.
type stage struct {
	// Its service; empty: it is not loaded.
	history []happened
	healthy *bool
	// What lies in its directory.
	database bool
	log      bool
	// Whether it answers, and whether without a vote.
	serves bool
	learns bool
}

type happened struct {
	state, message string
	at             time.Time
}

// begin brings the machine into the state that the scenario names.
func (c *controlPlane) begin() error {
	c.booted = time.Now().Add(-uptime)

	switch since := time.Now().Add(-waitFor); c.Etcd {
	case "waiting":
		c.stages = []stage{waiting(since)}
	case "stopped":
		c.stages = []stage{stopped(since)}
	case "running":
		c.stages = []stage{running(since)}
	default:
		return fmt.Errorf("machine %s: etcd is %q", c.Hostname, c.Etcd)
	}

	return nil
}

func (c *controlPlane) isAway() bool {
	return c != nil && time.Now().Before(c.away)
}

func (c *controlPlane) now() stage {
	return c.stages[0]
}

// advance ends a stage, unless it is the last.
func (c *controlPlane) advance() {
	if len(c.stages) > 1 {
		c.stages = c.stages[1:]
	}
}

// join lets a machine that waits become a member: it learns first, and votes when it was seen.
func (c *controlPlane) join() {
	if c == nil || !c.now().serves && !c.waits() {
		return
	}

	if c.waits() {
		no := false
		learning := running(time.Now())
		learning.learns, learning.healthy = true, &no
		c.stages = []stage{learning, running(time.Now())}

		return
	}

	c.advance()
}

func (c *controlPlane) waits() bool {
	history := c.now().history

	return len(c.stages) == 1 && len(history) != 0 && history[len(history)-1].state == "Preparing"
}

// told is a history, an event a second.
func told(since time.Time, events ...[2]string) []happened {
	history := make([]happened, 0, len(events))

	for i, event := range events {
		at := since.Add(time.Duration(i) * time.Second)
		history = append(history, happened{state: event[0], message: event[1], at: at})
	}

	return history
}

var begun = [][2]string{
	{"Starting", "Starting service"},
	{"Waiting", `Waiting for service "cri" to be "up", time sync, network, etcd spec`},
	{"Preparing", "Running pre state"},
}

func waiting(since time.Time) stage {
	return stage{history: told(since, begun...)}
}

func stopped(since time.Time) stage {
	failed := [2]string{"Waiting", "Error running Containerd(etcd), going to restart forever: exit code 1"}

	return stage{history: told(since, append(begun[:3:3], failed)...), database: true, log: true}
}

func running(since time.Time) stage {
	yes := true
	events := append(begun[:3:3], started("etcd"), [2]string{"Running", "Health check successful"})

	return stage{history: told(since, events...), healthy: &yes, database: true, log: true, serves: true}
}

func started(id string) [2]string {
	return [2]string{"Running", fmt.Sprintf("Started task %s (PID 4242) for container %s", id, id)}
}

// restoring is what Bootstrap brings about, from the end of the old service on.
func (c *controlPlane) restoring() []stage {
	old := c.now()
	old.history = append(old.history, told(time.Now(),
		[2]string{"Finished", "Service finished successfully"},
		[2]string{"Finished", "Bootstrap requested"})...)

	now := time.Now()
	stages := []stage{old, {}, {history: told(now, begun...)}}

	if c.RestoreFails != "" {
		failed := [2]string{"Failed", "Failed to run pre stage: " + c.RestoreFails}

		return append(stages, stage{history: told(now, append(begun[:3:3], failed)...), database: c.RestoreDirty})
	}

	no := false
	early := running(now)
	early.history, early.healthy = told(now, append(begun[:3:3], started("etcd"))...), &no

	return append(stages, early, running(now))
}

func (n *node) peerURL() string {
	return "https://" + net.JoinHostPort(n.Address, "2380")
}
