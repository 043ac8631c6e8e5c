// Messages in turn: while an answer is on its way, only the latest message of each type waits.

export class Turns {
  constructor(connection) {
    this.connection = connection;
    this.reset();
  }

  reset() {
    this.busy = false;
    this.later = new Map();
  }

  ask(type, fields = {}, arrays = {}) {
    if (this.busy) this.later.set(type, [fields, arrays]);
    else this.connection.send(type, fields, arrays);
    this.busy = true;
  }

  // To be called for each answer.
  answered() {
    this.busy = false;
    const [next] = this.later;
    if (!next) return;
    const [type, message] = next;
    this.later.delete(type);
    this.ask(type, ...message);
  }
}
