//! A server made of Talos' own generated stubs, and what it decoded of our calls.

use std::fs;
use std::process::Command;

use e2e::{World, tool};
use serde_json::{Value, json};

use crate::process::Running;

/// The server, and a world whose talosconfig leads to it.
pub(crate) struct Stubs {
    _running: Running,
    pub(crate) world: World,
}

impl Stubs {
    /// Plays a scenario.
    pub(crate) fn play(world: World, scenario: &[Value], more: &[&str]) -> Self {
        fs::write(world.path("scenario.json"), json!(scenario).to_string()).unwrap();
        let mut command = Command::new(tool("talos-go/talos-server"));
        command.current_dir(world.folder.path());
        command.args(["-scenario", "scenario.json"]).args(more);
        let (running, _) = Running::with_line(&mut command);
        Self {
            _running: running,
            world,
        }
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.world.path("calls.jsonl")).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Those of one method of the machine's own service, in order.
    pub(crate) fn calls_of(&self, method: &str) -> Vec<Value> {
        let mut calls = self.calls();
        calls.retain(|call| call["method"] == method && call["service"] == MACHINE);
        calls
    }
}

pub(crate) const MACHINE: &str = "machine.MachineService";
