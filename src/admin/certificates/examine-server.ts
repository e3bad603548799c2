import { seconds } from "../../lib/time.ts";
import { after } from "../../ports/after.ts";
import type { ChainReport, TlsServer } from "../../ports/trust.ts";
import type { CommandContext } from "../command.ts";
import { certificateError } from "./certificate-errors.ts";
import { formatServer } from "./describe-chain.ts";
import { findProxy } from "./find-proxy.ts";
import type { ExaminationTerms } from "./live-trust.ts";

/** Somebody waits for the answer. */
const LONGEST_EXAMINATION = seconds(10);

/** What a server's certificates are worth, seen by the proxy of a gateway for that server. Throws `certificate-unreachable`, `certificate-fetch-refused`. */
export async function examineServer(
  { certificates, clock, registry }: Pick<CommandContext, "certificates" | "clock" | "registry">,
  server: TlsServer,
  terms: ExaminationTerms,
  signal: AbortSignal,
): Promise<ChainReport> {
  const proxy = await findProxy(registry, server);
  const limit = new AbortController();
  const cancel = after(clock, LONGEST_EXAMINATION, () => limit.abort(new Error("it does not answer")));
  try {
    return await certificates.examine({ ...server, proxy }, terms, AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (isFetchFailure(error)) throw error;
    throw certificateError("certificate-unreachable", `${formatServer(server)}: ${describe(error)}`, error);
  } finally {
    cancel();
  }
}

const isFetchFailure = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "certificate-fetch-refused";

/** Peer Server Reachability Status is that of the connection, SSL Connection Status that of the handshake (C8). */
function describe(error: unknown): string {
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  const message = error instanceof Error ? error.message : String(error);
  if (code.includes("ERR_PROXY"))
    return `Peer Server Reachability Status: unreachable: the proxy cannot be used: ${message}`;
  const isConnection = error instanceof Error && "syscall" in error;
  return isConnection
    ? `Peer Server Reachability Status: unreachable${code}. Check host, port and the network between`
    : `Peer Server Reachability Status: reachable; SSL Connection/Certificate Verification Status: Failed - Network Error: ${message}${code}`;
}
