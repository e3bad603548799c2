import { describe } from "vitest";
import { describeLoss } from "../server-module/loss.ts";

describe("on a real Prosody", () => describeLoss("prosody"));
