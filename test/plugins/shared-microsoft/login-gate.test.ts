import { beforeEach, describe, expect, it } from "vitest";
import { LoginError } from "../../../plugins/shared-microsoft/login-error.ts";
import { LoginGate } from "../../../plugins/shared-microsoft/login-gate.ts";
import { minutes } from "../../../src/lib/time.ts";
import { FakeClock } from "../../doubles/fake-clock.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";

/** A login that waits to be told how it ends. */
interface Attempt {
  accept(): void;
  fail(error: Error): void;
}

let clock: FakeClock;
let gate: LoginGate;
let attempts: Attempt[];
const { signal } = new AbortController();

beforeEach(() => {
  clock = new FakeClock(MONDAY_MORNING);
  gate = new LoginGate(clock);
  attempts = [];
});

const logIn = (within = signal): Promise<string> => {
  const login = () =>
    new Promise<string>((resolve, reject) => {
      const accept = (): void => {
        gate.accepted();
        resolve("accepted");
      };
      attempts.push({ accept, fail: reject });
    });
  return gate.run(login, within).catch((error: unknown) => (error instanceof LoginError ? error.failure : "failed"));
};
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("several logins of one account", () => {
  it("wait for the first, then go together", async () => {
    const results = Promise.all([logIn(), logIn(), logIn()]);
    await settle();
    expect(attempts).toHaveLength(1);
    attempts[0]?.accept();
    await settle();
    expect(attempts).toHaveLength(3);
    for (const attempt of attempts) attempt.accept();
    expect(await results).toEqual(["accepted", "accepted", "accepted"]);
  });

  it("are not tried when the first is refused", async () => {
    const results = Promise.all([logIn(), logIn(), logIn()]);
    attempts[0]?.fail(new LoginError("refused"));
    expect(await results).toEqual(["refused", "refused", "refused"]);
    expect(attempts).toHaveLength(1);
  });

  it("go on with the next when the first ends in another way, which says nothing of the password", async () => {
    const results = Promise.all([logIn(), logIn(), logIn()]);
    attempts[0]?.fail(new Error("reset"));
    await settle();
    expect(attempts).toHaveLength(2);
    attempts[1]?.fail(new LoginError("refused"));
    expect(await results).toEqual(["failed", "refused", "refused"]);
  });

  it("need not wait within a minute of one that was accepted, and again after it", async () => {
    const first = logIn();
    attempts[0]?.accept();
    await first;
    await clock.advance(minutes(1) - 1);
    const together = [logIn(), logIn()];
    expect(attempts).toHaveLength(3);
    for (const attempt of attempts) attempt.accept();
    await Promise.all(together);
    await clock.advance(minutes(1));
    const later = [logIn(), logIn()];
    await settle();
    expect(attempts).toHaveLength(4);
    attempts[3]?.fail(new LoginError("refused"));
    expect(await Promise.all(later)).toEqual(["refused", "refused"]);
  });

  it("stop waiting when they are cancelled", async () => {
    const first = logIn();
    const cancelled = new AbortController();
    const second = logIn(cancelled.signal);
    cancelled.abort(new Error("enough"));
    expect(await second).toBe("failed");
    attempts[0]?.accept();
    expect(await first).toBe("accepted");
    expect(attempts).toHaveLength(1);
  });
});
