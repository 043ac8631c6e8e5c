// The frame of the page: its tabs, and the connection that they share.

import * as digits from "./digits.js";
import * as filters from "./filters.js";
import * as networks from "./networks.js";
import { decode, encode } from "./wire.js";

const TABS = { networks, digits, filters };
const FULL = 4001; // codes of pages.py
const FORBIDDEN = 4003;
const AGAIN = 1000; // milliseconds until a lost connection is tried again

const opened = {}; // the tabs that have been shown
const element = (id) => document.getElementById(id);
const hash = () => new URLSearchParams(location.hash.slice(1));

class Connection {
  constructor() {
    this.waiting = [];
    this.connect();
  }

  connect() {
    const url = new URL("socket", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    const token = new URLSearchParams(location.search).get("token");
    url.search = new URLSearchParams({ session: sessionStorage.getItem("session") ?? "", token: token ?? "" });
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(decode(event.data));
    this.socket.onclose = (event) => this.lost(event);
  }

  // Sends a message to a tab on the server. `arrays` maps names to {data, shape}.
  send(tab, type, fields = {}, arrays = {}) {
    const bytes = encode({ ...fields, tab, type }, arrays);
    if (this.ready) this.socket.send(bytes);
    else this.waiting.push(bytes);
  }

  receive(message) {
    if (message.type === "session") {
      this.begin(message.key);
    } else {
      if (message.type === "error") showError(message.message);
      opened[message.tab]?.receive(message);
    }
  }

  begin(key) {
    sessionStorage.setItem("session", key);
    this.ready = true;
    element("status").textContent = "";
    this.waiting.splice(0).forEach((bytes) => this.socket.send(bytes));
    if (this.again) Object.values(opened).forEach((tab) => tab.reconnected?.());
    this.again = true;
  }

  lost(event) {
    this.ready = false;
    if (event.code === FULL || event.code === FORBIDDEN) {
      element("status").textContent = event.reason || "The server refuses this page.";
      return;
    }
    element("status").textContent = "The connection is lost. Is the server running?";
    setTimeout(() => this.connect(), AGAIN);
  }
}

let errorTimer;
export function showError(text) {
  const box = element("error");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(errorTimer);
  errorTimer = setTimeout(() => (box.hidden = true), 8000);
}

function show(name) {
  for (const tab of Object.keys(TABS)) {
    const current = tab === name;
    element(`tab-${tab}`).setAttribute("aria-selected", current);
    element(`tab-${tab}`).tabIndex = current ? 0 : -1;
    element(tab).hidden = !current;
    if (!current) opened[tab]?.hide();
  }
  if (!opened[name]) {
    const send = (...message) => connection.send(name, ...message);
    opened[name] = TABS[name].open(element(name), { send, showError });
  }
  opened[name].show();
}

function tabOfLink() {
  const name = hash().get("tab");
  return name in TABS ? name : "networks";
}

function select(name) {
  if (name === tabOfLink()) return;
  history.replaceState(null, "", name === "networks" ? "#" : `#tab=${name}`);
  show(name);
}

function onKey(event) {
  const names = Object.keys(TABS);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = names[(names.indexOf(tabOfLink()) + step + names.length) % names.length];
  select(next);
  element(`tab-${next}`).focus();
  event.preventDefault();
}

for (const name of Object.keys(TABS)) element(`tab-${name}`).onclick = () => select(name);
document.querySelector("[role=tablist]").onkeydown = onKey;
addEventListener("hashchange", () => show(tabOfLink()));
const connection = new Connection();
show(tabOfLink());
