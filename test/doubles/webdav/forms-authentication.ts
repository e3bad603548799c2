import { randomBytes } from "node:crypto";
import { namesOf } from "../exchange/authentication.ts";
import type { ExchangeClock } from "../exchange/clock.ts";
import type { Account } from "../exchange/site.ts";
import type { WireAnswer, WireRequest } from "./http-wire.ts";

const PAGES = {
  2003: { page: "/exchweb/bin/auth/owalogon.asp", form: "/exchweb/bin/auth/owaauth.dll", cookie: "cadata" },
  2007: { page: "/owa/auth/logon.aspx", form: "/owa/auth/owaauth.dll", cookie: "UserContext" },
} as const;

/** Forms-based authentication: a login page, and a session in cookies. */
export class FormsAuthentication {
  /** Logins that were tried. */
  attempts = 0;
  readonly #accounts: readonly Account[];
  readonly #pages: (typeof PAGES)[keyof typeof PAGES];
  readonly #clock: ExchangeClock;
  readonly #sessions = new Map<string, number>();

  constructor(accounts: readonly Account[], version: keyof typeof PAGES, clock: ExchangeClock) {
    this.#accounts = accounts;
    this.#pages = PAGES[version];
    this.#clock = clock;
  }

  /** The answer that stands for a request without a session; undefined when there is one. */
  answer({ head, method, path, body }: WireRequest): WireAnswer | undefined {
    if (method === "POST" && path === this.#pages.form) return this.#logIn(new URLSearchParams(body.toString()));
    const session = /(?:^|; )sessionid=([^;]*)/.exec(head.headers.cookie ?? "")?.[1] ?? "";
    if ((this.#sessions.get(session) ?? 0) > this.#clock.now()) return undefined;
    // The page's own cookie is none of a session.
    if (method === "GET") return this.#toPage("0", { "Set-Cookie": "OutlookSession=1; path=/" });
    return { status: 440 };
  }

  /** All sessions end. */
  expire(): void {
    this.#sessions.clear();
  }

  #logIn(form: URLSearchParams): WireAnswer {
    this.attempts += 1;
    const user = form.get("username")?.toLowerCase() ?? "";
    const account = this.#accounts.find((each) => namesOf(each).includes(user));
    if (!account || account.password !== form.get("password")) return this.#toPage("2", {});
    const session = randomBytes(8).toString("hex");
    const isPrivate = form.get("flags") === "4" && form.get("trusted") === "4";
    this.#sessions.set(session, this.#clock.now() + (isPrivate ? 24 * 3_600_000 : 900_000));
    const cookies = [`sessionid=${session}; path=/`, `${this.#pages.cookie}="3${session}=="; HttpOnly; path=/`];
    return { status: 302, headers: { Location: form.get("destination") ?? "/", "Set-Cookie": cookies } };
  }

  #toPage(reason: string, headers: Readonly<Record<string, string>>): WireAnswer {
    const location = `https://mail.example.com${this.#pages.page}?url=/exchange/&reason=${reason}`;
    return { status: 302, headers: { Location: location, ...headers }, body: "<html>Object moved</html>" };
  }
}
