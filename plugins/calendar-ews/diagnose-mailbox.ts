import type { Mailbox } from "../../src/core/addresses.ts";
import type { TestStep, TestSubject } from "../../src/ports/calendar-source.ts";
import type { Attempt, DiagnosisStep, StepFinding } from "../shared-http/diagnosis-step.ts";
import { anchorHeaders } from "./anchor-mailbox.ts";
import { type Diagnosed, fetchOne } from "./diagnosed.ts";
import type { EwsClient } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import { type Impersonated, impersonate, isAboutName, isDenial, nameOf } from "./impersonation.ts";
import { encodeSubscribe, encodeUnsubscribe, subscribeDecoder, unsubscribeDecoder } from "./subscribe.ts";

/** What the account may do with the mailbox. Reading needs no impersonation, so it is tried whatever came of that. */
export async function* mailboxSteps(
  server: Diagnosed,
  { mailbox, sid, outside }: TestSubject,
  attempt: Attempt,
): AsyncGenerator<TestStep, void> {
  const { client } = server;
  const isWatchable = mailbox !== undefined && (yield* impersonateByName(client, mailbox, attempt));
  if (sid !== undefined) yield await attempt(impersonationStep(client, { kind: "SID", value: sid }));
  if (mailbox !== undefined) {
    yield await attempt({ name: "availability", attempt: (signal) => readMailbox(server, mailbox, signal) });
  }
  if (isWatchable) {
    const subscribe = (signal: AbortSignal): Promise<string> => subscribeAndUnsubscribe(client, mailbox, signal);
    yield await attempt({ name: "subscription", attempt: subscribe });
  }
  if (outside !== undefined) {
    yield await attempt({ name: "scope", attempt: (signal) => tryOutside(client, outside, signal) });
  }
}

/** By SMTP address, as the gateway does, then by user principal name where the server does not know the address (I4). */
async function* impersonateByName(
  client: EwsClient,
  mailbox: Mailbox,
  attempt: Attempt,
): AsyncGenerator<TestStep, boolean> {
  let isUnknown = false;
  const byAddress = impersonationStep(client, mailbox);
  const first = await attempt({
    ...byAddress,
    attempt: async (signal) => {
      try {
        return await byAddress.attempt(signal);
      } catch (error) {
        isUnknown = isAboutName(error);
        throw error;
      }
    },
  });
  yield first;
  if (isUnknown) yield await attempt(impersonationStep(client, { kind: "PrincipalName", value: mailbox }));
  return first.ok;
}

const KINDS = { PrincipalName: "user principal name", SID: "SID" } as const;

function impersonationStep(client: EwsClient, who: Impersonated): DiagnosisStep {
  const kind = typeof who === "string" ? "SMTP address" : KINDS[who.kind];
  const isOtherName = typeof who !== "string" && who.kind === "PrincipalName";
  return {
    name: `impersonation by ${kind}`,
    attempt: async (signal) => {
      await impersonate(client, who, signal);
      const detail = `the account may impersonate ${nameOf(who)}`;
      if (!isOtherName) return detail;
      return {
        detail: `${detail}, whose primary SMTP address is another one: correct the user's mailbox`,
        isWarning: true,
      };
    },
  };
}

async function readMailbox(server: Diagnosed, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  const result = await fetchOne(server, mailbox, signal);
  if (!result) throw ewsError("ews-bad-answer", `${server.url.host}: no answer for ${mailbox}`);
  if ("error" in result) throw result.error;
  return `${mailbox}: ${result.intervals.length} entries in the next 24 hours`;
}

async function subscribeAndUnsubscribe(client: EwsClient, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  const { content: id } = await client.tryNow(
    {
      encode: (version) => ({ body: encodeSubscribe(mailbox, "items", version), headers: anchorHeaders(mailbox) }),
      decoder: () => subscribeDecoder(client.host, mailbox),
    },
    signal,
  );
  await client.tryNow(
    {
      encode: (version) => ({ body: encodeUnsubscribe(id, mailbox, version), headers: anchorHeaders(mailbox) }),
      decoder: () => unsubscribeDecoder(client.host),
    },
    signal,
  );
  return `${mailbox}: the account may be notified of changes`;
}

/** I6, I7: a role assignment that names no scope lets the account impersonate everybody. */
async function tryOutside(client: EwsClient, mailbox: Mailbox, signal: AbortSignal): Promise<StepFinding> {
  try {
    await impersonate(client, mailbox, signal);
  } catch (error) {
    if (isDenial(error)) return `the account may not impersonate ${mailbox}, as it should be`;
    throw error;
  }
  const detail = `the account may impersonate ${mailbox}, who is outside of the intended scope. Does its role assignment name a scope (RecipientWriteScope)?`;
  return { detail, isWarning: true };
}
