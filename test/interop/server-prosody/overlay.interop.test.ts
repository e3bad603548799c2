import { describe } from "vitest";
import { describeOverlay } from "../server-module/overlay.ts";

describe("on a real Prosody", () => describeOverlay("prosody"));
