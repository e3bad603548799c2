import { openSipConnection } from "../../plugins/shared-sip/open-sip-connection.ts";
import type { SipConnection } from "../../plugins/shared-sip/sip-connection.ts";
import { connectionSettings } from "../../plugins/shared-sip/sip-options.ts";
import { seconds } from "../lib/time.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Trust } from "../ports/trust.ts";
import { type CheckLine, waitUntil } from "./check-line.ts";
import type { LoadedSip } from "./sip-section.ts";

const CONNECT_LIMIT = seconds(10);
const ANSWER_LIMIT = seconds(10);

/**
 * Asks the SIP server whether it is there (OPTIONS, RFC 3261 11), with login where it wants one. Nothing is published: a
 * gateway that runs is not disturbed.
 */
export async function checkSip(
  sip: LoadedSip,
  deps: { readonly runtime: Runtime; readonly trust: Trust },
): Promise<CheckLine> {
  const name = "sip";
  try {
    const connection = await openSipConnection(connectionSettings(sip), deps, AbortSignal.timeout(CONNECT_LIMIT));
    try {
      return { name, ...(await askServer(connection, sip, deps.runtime)) };
    } finally {
      await connection.stop();
    }
  } catch (error) {
    if (error instanceof DOMException) return { name, ok: false, detail: `${sip.server} did not answer in time` };
    const { message, code } = toGatewayError(error);
    return { name, ok: false, detail: `${message} (${code})` };
  }
}

async function askServer(
  connection: SipConnection,
  { server, transport }: LoadedSip,
  runtime: Runtime,
): Promise<Omit<CheckLine, "name">> {
  connection.start();
  const hasTried = (): boolean => connection.run !== undefined || connection.condition.lastError !== undefined;
  await waitUntil(hasTried, CONNECT_LIMIT, runtime);
  const { connected } = connection.condition;
  const target = `sip:${connected?.server ?? server}`;
  const request = { method: "OPTIONS", target, headers: [] };
  const { status, reason } = await connection.request(request, AbortSignal.timeout(ANSWER_LIMIT));
  // Whatever else it says, it speaks SIP; who may not log in cannot publish either.
  const ok = status !== 401 && status !== 403 && status !== 407;
  return { ok, detail: `${connected?.server ?? server} answers by ${transport}: ${status} ${reason}` };
}
