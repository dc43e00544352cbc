package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// A node that exists only behind the endpoint. What its messages say is theirs, field by field;
// every other field is set to something.
type node struct {
	// The value of `node` metadata that means it.
	Address string `json:"address"`
	// What it does in a recovery; none: it only serves a snapshot, and is as follows.
	Machine *controlPlane `json:"machine"`
	// Fields of machine.EtcdMember and machine.EtcdMemberStatus by their JSON names.
	Member map[string]json.RawMessage `json:"member"`
	Status map[string]json.RawMessage `json:"status"`
	// File with its snapshot.
	Snapshot string `json:"snapshot"`
}

func readScenario(path string) ([]node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}

	var nodes []node
	if err := json.Unmarshal(text, &nodes); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	if len(nodes) == 0 {
		return nil, fmt.Errorf("%s: no nodes", path)
	}

	for _, one := range nodes {
		if (one.Machine == nil) != (nodes[0].Machine == nil) {
			return nil, fmt.Errorf("%s: either all nodes are machines or none", path)
		}

		if one.Machine == nil {
			continue
		}

		if err := one.Machine.begin(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}

	return nodes, nil
}
