// The digits tab: see the docstring of the package for what a tab exports.

export function open(panel, connection) {
  panel.textContent = "Waiting for the server ...";
  connection.send("state");
  return {
    receive(message) {
      if (message.type === "state") panel.textContent = "Ready.";
    },
    show() {},
    hide() {},
    reconnected() {
      connection.send("state");
    },
  };
}
