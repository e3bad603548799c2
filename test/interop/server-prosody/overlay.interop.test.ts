import { describe } from "vitest";
import { describeOverlay } from "../server-module/overlay.ts";

describe("overlays on a real Prosody", () => describeOverlay("prosody"));
