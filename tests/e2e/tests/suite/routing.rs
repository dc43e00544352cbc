//! How the Talos API is reached: proxies, endpoints with names, nodes that are none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use e2e::World;
use talos_sim::{Layer, Route};

use crate::support::{ok, refused, serving};

/// An HTTP proxy that leads every CONNECT to one address and tells whom it was asked for.
fn proxy(leads_to: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (tell, leads_to) = (tell.clone(), leads_to.clone());
            std::thread::spawn(move || tunnel(client, &leads_to, &tell));
        }
    });
    (address, told)
}

fn tunnel(mut client: TcpStream, leads_to: &str, tell: &std::sync::mpsc::Sender<String>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    // The test may be over.
    let _over = tell.send(String::from_utf8_lossy(&head).into_owned());
    let Ok(server) = TcpStream::connect(leads_to) else {
        return;
    };
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut up, &mut down));
    let _ended = std::io::copy(&mut &server, &mut client);
}

/// A talosconfig as the Secret of a `talos.dev` ServiceAccount holds it, through a proxy that
/// stands for the cluster's DNS.
fn in_pod(world: &World, proxy: &str) {
    let mut config = world.talos.talosconfig(&["os:etcd:backup"]).unwrap();
    config.endpoints = vec!["talos.default".to_owned()];
    config.proxy = Some(format!("http://user:planted-proxy-word@{proxy}"));
    config.write(&world.path("talosconfig")).unwrap();
}

#[test]
fn a_pods_endpoint_is_asked_for_itself_through_the_contexts_proxy() {
    let world = serving();
    let (address, asked) = proxy(world.talos.apid(0));
    in_pod(&world, &address);
    // As on Talos before 1.11: the role may not ask who the members are.
    for node in 0..3 {
        for method in ["EtcdMemberList", "EtcdStatus"] {
            let denied = talos_sim::Fault::Denied;
            world.talos.inject_on(node, method, denied, None).unwrap();
        }
    }
    let taken = world.ours("talosctl-snapshot-take", &["-o", "taken", "-vv"]);
    ok(&taken);
    let shown = String::from_utf8_lossy(&taken.stderr);
    assert!(!shown.contains("planted-proxy-word"), "{shown}");
    let head = asked.recv().unwrap();
    assert!(head.starts_with("CONNECT talos.default:50000"), "{head}");
    assert!(head.contains("Basic"), "{head}");
    let snapshots: Vec<Route> = world
        .talos
        .calls()
        .into_iter()
        .filter(|call| call.method == "EtcdSnapshot" && call.layer == Layer::Apid)
        .map(|call| call.route)
        .collect();
    assert_eq!(snapshots, [Route::Local]);
}

#[test]
fn a_pod_that_may_ask_takes_the_members_by_address() {
    let world = serving();
    let (address, _asked) = proxy(world.talos.apid(0));
    in_pod(&world, &address);
    ok(&world.ours("talosctl-snapshot-take", &["-o", "taken"]));
    let calls = world.talos.calls();
    let routed = calls
        .iter()
        .filter(|call| call.method == "EtcdSnapshot" && call.layer == Layer::Apid)
        .all(|call| matches!(&call.route, Route::Node(node) if node.starts_with("127.")));
    assert!(routed, "{calls:?}");
}

#[test]
fn the_environments_proxy_is_used_but_not_for_loopback() {
    let world = serving();
    let (address, asked) = proxy("127.0.0.1:1".to_owned());
    let take = |arguments: &[&str]| {
        let mut command = world.command(e2e::programs().join("talosctl-snapshot-take"));
        command.env("HTTPS_PROXY", format!("http://{address}"));
        command.args(arguments).output().unwrap()
    };
    ok(&take(&["-o", "taken"]));
    assert!(asked.try_recv().is_err(), "loopback went through the proxy");
    let away = take(&["-e", "192.0.2.7", "-n", "192.0.2.7", "-o", "other"]);
    refused(&away, 69, "192.0.2.7");
    let head = asked.recv().unwrap();
    assert!(head.starts_with("CONNECT 192.0.2.7:50000"), "{head}");
}

#[test]
fn what_is_no_node_is_told_from_a_node_that_is_away() {
    let world = serving();
    let take = |node: &str| world.ours("talosctl-snapshot-take", &["-n", node, "-o", "taken"]);
    refused(&take("10.0.0.2:50000"), 2, "is not a node");
    refused(&take("192.0.2.9"), 69, "192.0.2.9");
    world.talos.take_down(1).unwrap();
    refused(&take(&world.talos.address(1)), 69, "connection refused");
}
