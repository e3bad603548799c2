import { GatewayError } from "../ports/errors.ts";
import { GATEWAY_ERROR_CODES } from "./gateway-errors.ts";

type NotificationErrorCode = Extract<keyof typeof GATEWAY_ERROR_CODES, `notification-${string}`>;

/** The error of that code: what happened, and what the table says to do. */
export function notificationError(code: NotificationErrorCode, text: string, cause?: unknown): GatewayError {
  const { type, action } = GATEWAY_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, cause });
}
