// Lists the operations of /openapi.json, with a form to try each.

/** @typedef {{ $ref?: string, type?: string, format?: string, enum?: unknown[], default?: unknown, anyOf?: Schema[], items?: Schema,
 *   properties?: Record<string, Schema>, required?: string[] }} Schema */
/** @typedef {{ name: string, in: string, required: boolean, schema: Schema, description?: string }} Parameter */
/** @typedef {{ description: string, content?: Record<string, { schema: Schema }> }} Answer */
/** @typedef {{ summary: string, description?: string, parameters?: Parameter[], requestBody?: { content: Record<string, { schema: Schema }> },
 *   responses: Record<string, Answer> }} Operation */

/** @template {Element} E @param {ParentNode} root @param {string} selector @param {new () => E} kind @returns {E} */
function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`${selector} is missing`);
  return found;
}

const description = await (await fetch("/openapi.json")).json();
const template = find(document, "#operation", HTMLTemplateElement);
const list = find(document, "#operations", HTMLElement);
const credential = find(document, "#credential", HTMLInputElement);
find(document, "#version", HTMLElement).textContent = description.info.version;
find(document, "#description", HTMLElement).textContent = description.info.description;
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    list.append(render(path, method.toUpperCase(), /** @type {Operation} */ (operation)));
  }
}
list.setAttribute("aria-busy", "false");

/** @param {string} path @param {string} method @param {Operation} operation @returns {Node} */
function render(path, method, operation) {
  const node = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  find(node, ".method", HTMLElement).textContent = method;
  find(node, ".path", HTMLElement).textContent = path;
  find(node, ".about", HTMLElement).textContent = operation.summary;
  find(node, ".more", HTMLElement).textContent = operation.description ?? "";
  const fields = find(node, ".fields", HTMLElement);
  for (const parameter of operation.parameters ?? []) fields.append(field(parameter));
  const schema = operation.requestBody?.content["application/json"]?.schema;
  if (schema) fields.append(body(schema));
  const answers = find(node, ".answers", HTMLElement);
  for (const [status, answer] of Object.entries(operation.responses)) answers.append(...describe(status, answer));
  const form = find(node, "form", HTMLFormElement);
  const output = find(node, "output", HTMLOutputElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(path, method, operation, new FormData(form)).then(
      (text) => {
        output.textContent = text;
      },
      (error) => {
        output.textContent = String(error);
      },
    );
  });
  return node;
}

/** @param {Parameter} parameter @returns {Node} */
function field(parameter) {
  const label = document.createElement("label");
  label.textContent = `${parameter.name} (${parameter.in})${parameter.description ? `: ${parameter.description}` : ""}`;
  const input = document.createElement("input");
  input.name = parameter.name;
  input.required = parameter.required;
  label.append(input);
  return label;
}

/** @param {Schema} schema @returns {Node} */
function body(schema) {
  const label = document.createElement("label");
  label.textContent = "Body";
  const area = document.createElement("textarea");
  area.name = "body";
  area.value = JSON.stringify(example(schema), null, 2);
  label.append(area);
  return label;
}

/** @param {string} status @param {Answer} answer @returns {Node[]} */
function describe(status, answer) {
  const term = document.createElement("dt");
  term.textContent = `${status} ${answer.description}`;
  const schema = Object.values(answer.content ?? {})[0]?.schema;
  if (!schema || Number(status) >= 400) return [term];
  const details = document.createElement("dd");
  const text = document.createElement("pre");
  text.textContent = JSON.stringify(example(schema), null, 2);
  details.append(text);
  return [term, details];
}

/** An example of a value of the schema. @param {Schema} schema @returns {unknown} */
function example(schema) {
  if (schema.$ref) return example(description.components.schemas[schema.$ref.split("/").at(-1) ?? ""]);
  if (schema.default !== undefined && schema.type !== "object" && !schema.properties) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf?.[0]) return example(schema.anyOf[0]);
  if (schema.type === "array") return schema.items ? [example(schema.items)] : [];
  if (schema.type === "object" || schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, value]) => [name, example(value)]));
  }
  if (schema.format === "uuid") return crypto.randomUUID();
  if (schema.type === "boolean") return false;
  return schema.type === "integer" || schema.type === "number" ? 0 : "";
}

/** @param {string} path @param {string} method @param {Operation} operation @param {FormData} data @returns {Promise<string>} */
async function send(path, method, operation, data) {
  const headers = new Headers();
  const query = new URLSearchParams();
  let target = path;
  for (const { name, in: place } of operation.parameters ?? []) {
    const value = String(data.get(name) ?? "");
    if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(value));
    else if (value && place === "query") query.set(name, value);
    else if (value && place === "header") headers.set(name, value);
  }
  if (credential.value) headers.set("Authorization", `Bearer ${credential.value}`);
  const text = data.get("body");
  if (text !== null) headers.set("Content-Type", "application/json");
  const url = query.size ? `${target}?${query}` : target;
  const answer = await fetch(url, { method, headers, body: text === null ? null : String(text) });
  const content = await answer.text();
  const shown = answer.headers.get("Content-Type")?.includes("json")
    ? JSON.stringify(JSON.parse(content), null, 2)
    : content;
  return `${answer.status} ${answer.statusText}\n${shown}`;
}
