import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { storeError } from "./store-errors.ts";

const ALGORITHM = "aes-256-gcm";
const VERSION = 1;
const NONCE_LENGTH = 12; // bytes; NIST SP 800-38D 8.2
const TAG_LENGTH = 16;

/** Where a sealed value belongs; it opens nowhere else. */
export type SealContext = readonly [table: string, ...key: string[]];

/**
 * Seals short secrets (AES-256-GCM, NIST SP 800-38D). A sealed value is: version (1 byte), nonce (12), tag (16),
 * ciphertext. The context is authenticated with it, so that nobody can swap values between rows.
 */
export class SecretBox {
  readonly #key: Buffer;

  /** The key has 32 bytes. */
  constructor(key: Buffer) {
    this.#key = key;
  }

  /** The secret, sealed for its context. */
  seal(secret: string, context: SealContext): Buffer {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(contextBytes(context));
    const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]);
  }

  /** The secret in clear. Throws GatewayError (`store-wrong-key`) for another key, another context, or a changed value. */
  open(sealed: Buffer, context: SealContext): string {
    try {
      const nonce = sealed.subarray(1, 1 + NONCE_LENGTH);
      const tag = sealed.subarray(1 + NONCE_LENGTH, 1 + NONCE_LENGTH + TAG_LENGTH);
      const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_LENGTH })
        .setAAD(contextBytes(context))
        .setAuthTag(tag);
      const body = decipher.update(sealed.subarray(1 + NONCE_LENGTH + TAG_LENGTH));
      return Buffer.concat([body, decipher.final()]).toString("utf8");
    } catch (error) {
      throw storeError("store-wrong-key", context.slice(1).join(" "), error);
    }
  }
}

/** JSON, because joining with a separator would let two contexts look alike. */
const contextBytes = (context: SealContext): Buffer => Buffer.from(JSON.stringify([VERSION, ...context]), "utf8");
