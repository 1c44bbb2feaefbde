/** A WebSocket whose other end is the test. */
export class FakeSocket {
  /** Every one that was opened, the oldest first. */
  static opened = [];
  /** @type {((socket: FakeSocket, message: any) => void) | null} answers calls */
  static answer = null;

  static reset(answer) {
    FakeSocket.opened = [];
    FakeSocket.answer = answer;
  }

  readyState = 0;
  sent = [];
  closedWith = null;

  constructor(url) {
    this.url = url;
    FakeSocket.opened.push(this);
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.({});
    });
  }

  send(text) {
    const message = JSON.parse(text);
    this.sent.push(message);
    queueMicrotask(() => FakeSocket.answer?.(this, message));
  }

  close(code, reason) {
    this.readyState = 3;
    this.closedWith ??= { code, reason };
  }

  /** The server says something. */
  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The connection ends from the other side, or by the network. */
  drop(code) {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }

  calls(event) {
    return this.sent.filter((message) => message.event === event);
  }
}
