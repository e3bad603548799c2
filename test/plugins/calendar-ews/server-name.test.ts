import { expect, it } from "vitest";
import { nameServer } from "../../../plugins/calendar-ews/server-name.ts";

it.each([
  ["8.1.436", "Exchange 2007 SP1 (8.1.436)"],
  ["8.3.83", "Exchange 2007 SP3 (8.3.83)"],
  ["14.1.218", "Exchange 2010 SP1 (14.1.218)"],
  ["14.3.513", "Exchange 2010 SP3 (14.3.513)"],
  ["15.0.516", "Exchange 2013 (15.0.516)"],
  ["15.0.1497", "Exchange 2013 SP1 (15.0.1497)"],
  ["15.1.2507", "Exchange 2016 (15.1.2507)"],
  ["15.2.1544", "Exchange 2019 (15.2.1544)"],
  ["15.2.2562", "Exchange SE (15.2.2562)"],
  ["15.20.8000", "Exchange Online (15.20.8000)"],
  ["16.0.1", "Exchange 16.0.1"],
])("[W4] a server is known by its build, %s, whatever version it says it is: %s", (build, name) => {
  expect(nameServer(build)).toBe(name);
});
