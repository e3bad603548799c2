import { expect, it } from "vitest";
import { ChatFrontEnd } from "../../../src/admin/chat-front-end.ts";
import { parseBareJid } from "../../../src/core/addresses.ts";
import { createCommandStage } from "../command-stage.ts";
import { bodyOf, FakeLink, message } from "../fake-link.ts";

it("[U3] users in bulk are pasted into a chat message, counted in the answer and applied by the next", async () => {
  const stage = createCommandStage();
  await stage.seed();
  const link = new FakeLink();
  const admins = [parseBareJid("carol@example.com")];
  const front = new ChatFrontEnd({ link, runtime: stage.runtime, services: stage.services, admins });
  front.start();
  const ask = async (text: string): Promise<string> => {
    const before = link.sent.length;
    link.handlers.message?.(message(text));
    await expect.poll(() => link.sent.length, { interval: 1, timeout: 5000 }).toBe(before + 1);
    return link.sent.slice(before).map(bodyOf).join("");
  };
  expect(await ask("User Import\njid\tlocale\r\nalice@example.com\tde\r\nbob\tde")).toMatch(
    /^2 rows: 1 new, 0 changed, 0 the same, 1 wrong\.\nWrong: line 3: jid: the whole JID is needed/,
  );
  expect(await ask("user import apply 1")).toMatch(/^Import 1 is applied\./);
  expect([...stage.registry.users.keys()]).toEqual(["alice@example.com"]);
  expect(await ask("user export")).toBe(
    "jid,mailbox,gateway,locale,sip,enabled\nalice@example.com,alice@example.com,main,de,none,yes\n",
  );
  await front.stop();
});
