/** An XML element as it crosses ports: plain data, without a library's classes. */
export interface XmlElement {
  readonly name: string;
  /** The namespace in force for the element, resolved from `xmlns` of it or its ancestors. */
  readonly namespace: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

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
