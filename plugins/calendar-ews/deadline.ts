export { after } from "../../src/ports/after.ts";
export { Deadline } from "../shared-http/deadline.ts";
