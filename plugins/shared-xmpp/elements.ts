import type { XmlElement } from "../../src/ports/xmpp-link.ts";

/** The element children, texts left out. */
export const elementsOf = (element: XmlElement): readonly XmlElement[] =>
  element.children.filter((child) => typeof child !== "string");

/** The first child of that name and namespace. */
export const findChild = (element: XmlElement, name: string, namespace: string): XmlElement | undefined =>
  elementsOf(element).find((child) => child.name === name && child.namespace === namespace);

/** Every element below, at any depth. */
export function* descendantsOf(element: XmlElement): Generator<XmlElement> {
  for (const child of elementsOf(element)) {
    yield child;
    yield* descendantsOf(child);
  }
}

/** The text directly in the element. */
export const textOf = (element: XmlElement): string =>
  element.children.filter((child) => typeof child === "string").join("");
