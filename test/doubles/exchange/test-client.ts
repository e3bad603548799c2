import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from "node:http";
import { envelope, type RequestHeader } from "./ews-requests.ts";
import type { SimulatedExchange } from "./exchange.ts";

/** One HTTP answer, read to its end; `isComplete` is false when the connection broke first. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly isComplete: boolean;
}

/** What a test request may say besides its body. */
export interface PostOptions extends RequestHeader {
  readonly user?: string;
  readonly password?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A minimal EWS client over plain HTTP, so that the tests of the double lean on no code of the product. */
export class TestClient {
  readonly #exchange: SimulatedExchange;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(exchange: SimulatedExchange) {
    this.#exchange = exchange;
  }

  /** Sends an operation in its envelope. */
  call(body: string, options: PostOptions = {}): Promise<HttpAnswer> {
    return this.post(envelope(body, options), options);
  }

  /** Sends any text or bytes. */
  post(text: string | Buffer, options: PostOptions = {}): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(options);
      sent.on("error", reject);
      sent.on("response", (response) => {
        let body = "";
        const done = (): void =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: body,
            isComplete: response.complete,
          });
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          body += part;
        });
        response.on("error", done);
        response.on("end", done);
      });
      sent.end(text);
    });
  }

  /** Subscribes for the impersonated mailbox and returns the subscription's id. */
  async subscribe(body: string, smtp: string): Promise<string> {
    const { text } = await this.call(body, { impersonate: ["PrimarySmtpAddress", smtp] });
    const id = /SubscriptionId>([^<]+)</.exec(text)?.[1];
    if (id === undefined) throw new Error(`no subscription: ${text}`);
    return id;
  }

  /** Opens a GetStreamingEvents connection. */
  stream(body: string, options: PostOptions = {}): FrameStream {
    const sent = this.#request(options);
    const stream = new FrameStream(sent);
    sent.end(envelope(body, options));
    return stream;
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }

  #request(options: PostOptions): ClientRequest {
    const { user = "svc", password = "pw" } = options;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    const headers = { "Content-Type": "text/xml; charset=utf-8", Authorization: authorization, ...options.headers };
    return request(this.#exchange.url, { method: "POST", agent: this.#agent, headers });
  }
}

/** The envelopes of a streaming answer as they come. */
export class FrameStream {
  readonly #sent: ClientRequest;
  readonly #frames: string[] = [];
  #status = 0;
  #text = "";
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(sent: ClientRequest) {
    this.#sent = sent;
    sent.on("error", () => this.#end());
    sent.on("response", (response) => {
      this.#status = response.statusCode ?? 0;
      response.setEncoding("utf8");
      response.on("data", (part: string) => this.#read(part));
      response.on("error", () => this.#end());
      response.on("close", () => this.#end());
    });
  }

  get status(): number {
    return this.#status;
  }

  /** The next envelope; undefined when the answer has ended. */
  async next(): Promise<string | undefined> {
    while (this.#frames.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift();
  }

  /** Breaks the connection. */
  close(): void {
    this.#sent.destroy();
  }

  #read(part: string): void {
    this.#text += part;
    for (let end = frameEnd(this.#text); end > 0; end = frameEnd(this.#text)) {
      this.#frames.push(this.#text.slice(0, end));
      this.#text = this.#text.slice(end);
    }
    this.#wake();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wake();
  }
}

function frameEnd(text: string): number {
  const found = /<\/(?:\w+:)?Envelope>/.exec(text);
  return found === null ? 0 : found.index + found[0].length;
}
