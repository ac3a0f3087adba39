// Writes the CEL specification's conformance cases as compact JSON, one case a line.
//
//   npm pack @bufbuild/cel-spec@0.6.1 && tar xzf bufbuild-cel-spec-0.6.1.tgz
//   node cel-spec.mjs package/dist/esm/testdata/conformance.js > cel-spec.jsonl
//
// The cases are Copyright the CEL authors and Buf Technologies, Apache-2.0; see NOTICE. Nothing is changed in
// them: protobuf's JSON of values becomes {"int": "1"} and the like, and what has no such form becomes {"other": …}.
import { pathToFileURL } from "node:url";
const { tests } = await import(pathToFileURL(process.argv[2]));

const simple = { boolValue: "bool", int64Value: "int", uint64Value: "uint", stringValue: "string" };

function value(v) {
  const [kind] = Object.keys(v);
  if (kind === "doubleValue") return { double: String(v[kind]) };
  if (simple[kind]) return { [simple[kind]]: v[kind] };
  if (kind === "nullValue") return { null: true };
  if (kind === "listValue") return { list: (v.listValue.values ?? []).map(value) };
  if (kind === "mapValue") return { map: (v.mapValue.entries ?? []).map((e) => [value(e.key), value(e.value)]) };
  const type = v.objectValue?.["@type"] ?? "";
  if (type.endsWith("google.protobuf.Timestamp")) return { time: v.objectValue.value };
  if (type.endsWith("google.protobuf.Duration")) return { duration: v.objectValue.value };
  return { other: kind };
}

function expected(t) {
  if (t.value) return { value: value(t.value) };
  if (t.typedResult?.result) return { value: value(t.typedResult.result) };
  if (t.evalError || t.anyEvalErrors) return { error: true };
  if (t.unknown || t.anyUnknowns) return { other: "unknown" };
  return { value: { bool: true } };
}

function walk(node, path) {
  for (const { original: t } of node.tests ?? []) {
    const bind = Object.fromEntries(Object.entries(t.bindings ?? {}).map(([k, b]) => [k, b.value ? value(b.value) : { other: "unknown" }]));
    const line = { section: path.join("/"), name: t.name, expr: t.expr, ...expected(t) };
    if (Object.keys(bind).length) line.bind = bind;
    if (t.container) line.container = t.container;
    if (t.checkOnly) line.checkOnly = true;
    if (t.disableMacros) line.disableMacros = true;
    console.log(JSON.stringify(line));
  }
  for (const suite of node.suites ?? []) walk(suite, [...path, suite.name]);
}
walk(tests, []);
