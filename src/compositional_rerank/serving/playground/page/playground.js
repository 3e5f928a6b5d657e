// The page of `compositional-rerank playground`. Whatever users paste becomes text nodes, never markup.

const $ = (id) => document.getElementById(id);
const ORDERS = {
  auto: "The embeddings’ order and the relevance, mixed as the list asks for.",
  retriever: "The embeddings’ order and scores are kept.",
  mix: "Half the embeddings’ order, half the relevance.",
  relevance: "The order of MaxSim, whatever the embeddings say.",
};
const POLICIES = {
  demote: "They go behind all that are none.",
  penalise: "Their scores are lowered, no more.",
  drop: "They are left out.",
  mark: "They stay where they are, and are marked.",
};
const VERDICTS = {
  supports: ["✓", "supports", "says what was asked for, or answers it"],
  denies: ["✕", "denies", "says the opposite; to a yes/no question: no"],
  differs: ["≠", "differs", "in nearly the same words speaks of another thing"],
  silent: ["–", "says nothing of it", "was read, and neither supports nor denies"],
  unread: ["·", "not read", "too far from the query, or nothing in it can be judged"],
};
const EXCERPT = 900; // characters of a passage that are shown at first
const LEAD = 250; // of them before the evidence

let limits = { max_passages: 0, max_characters: 0, threshold: null };
let shown = null; // {query, passages, rows, ...}: what was ranked last
let cards = new Map(); // index of a passage -> its <li> in the list after
let running = null; // AbortController of the request under way

// ---- text ----

function passagesOf(text, parted) {
  const plain = text.replaceAll("\r\n", "\n");
  const blank = /\n[^\S\n]*\n/;
  const byLines = parted === "lines" || (parted === "auto" && !blank.test(plain.trim()));
  return plain
    .split(byLines ? "\n" : blank)
    .map((part) => part.trim())
    .filter(Boolean);
}

// Python and the limits count code points, JavaScript counts UTF-16 units.
function lengthOf(text) {
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g) ?? []).length;
}

function ordinal(number) {
  const tail = number % 100;
  const ending = tail >= 11 && tail <= 13 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${ending}`;
}

function many(count, one, more = `${one}s`) {
  return `${count} ${count === 1 ? one : more}`;
}

function grouped(number) {
  return number.toLocaleString("en-GB");
}

function time(milliseconds) {
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${grouped(Math.round(milliseconds))} ms`;
}

function number(value, places) {
  return value.toFixed(places).replace("-", "−");
}

function make(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function mark(text, evidence, verdict) {
  if (!evidence) return [text];
  const points = [...text];
  const part = (start, stop) => points.slice(start, stop).join("");
  const marked = make("mark", verdict ?? "", part(...evidence));
  return [part(0, evidence[0]), marked, part(evidence[1])];
}

// ---- asking the server ----

async function ask(path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, body && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The playground does not answer: is the command still running? Start it again, then rank again.");
  }
  const found = await answer.json();
  if (answer.ok) return found;
  throw new Error(found.message.replace(/: see \/openapi\.json$/, ""));
}

function complain(message, field) {
  for (const name of ["query", "passages"]) $(name).removeAttribute("aria-invalid");
  $("error").textContent = message ? `${message[0].toUpperCase()}${message.slice(1)}` : "";
  if (field) {
    $(field).setAttribute("aria-invalid", "true");
    $(field).focus();
  }
}

function fault(query, passages) {
  const most = limits.max_characters;
  const longer = (what, length, field) => [
    `${what} has ${grouped(length)} characters, the limit is ${grouped(most)}: shorten it, or start the `
      + "playground with a larger --max-characters.",
    field,
  ];
  if (!query.trim()) return ["The query is empty: write a question or a statement, or take an example.", "query"];
  if (lengthOf(query) > most) return longer("The query", lengthOf(query), "query");
  if (!passages.length) return ["There is no passage: paste at least one, or take an example.", "passages"];
  if (passages.length > limits.max_passages) {
    return [
      `There are ${grouped(passages.length)} passages, the limit is ${grouped(limits.max_passages)}: remove `
        + `${grouped(passages.length - limits.max_passages)}, or start the playground with a larger --max-texts.`,
      "passages",
    ];
  }
  const place = passages.findIndex((passage) => lengthOf(passage) > most);
  return place < 0 ? null : longer(`Passage ${place + 1}`, lengthOf(passages[place]), "passages");
}

async function rank(query, passages) {
  running?.abort();
  const mine = (running = new AbortController());
  const settings = { order: $("order").value, near_misses: $("near-misses").value };
  $("rank").textContent = "Ranking …";
  $("ranking").setAttribute("aria-busy", "true");
  try {
    const found = await ask("/playground/rank", { query, passages, ...settings }, mine.signal);
    complain("");
    shown = { query, passages, ...settings, ...found };
    draw();
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message);
  } finally {
    if (running === mine) {
      running = null;
      $("rank").textContent = "Rank";
      $("ranking").setAttribute("aria-busy", "false");
    }
  }
}

function submit() {
  const query = $("query").value;
  const passages = passagesOf($("passages").value, $("parted").value);
  const found = fault(query, passages);
  if (found) complain(...found);
  else rank(query, passages).then(reveal);
}

// Where the lists lie below the window, as on a telephone.
function reveal() {
  if ($("error").textContent) return;
  const far = $("ranking").getBoundingClientRect().top > innerHeight * 0.75;
  if (far && $("form").contains(document.activeElement)) $("ranking").scrollIntoView({ block: "start" });
}

// ---- the two lists ----

const threshold = () => $("threshold").valueAsNumber;
const isNearMiss = (row) => row.mismatch !== null && row.mismatch >= threshold();
const scoreOf = (row) => (isNearMiss(row) ? row.score_as_near_miss : row.score);

function kindOf(row) {
  return row.verdict ?? (row.mismatch === null ? "unread" : "silent");
}

function draw() {
  cards = new Map(shown.rows.map((row) => [row.index, card(row)]));
  $("after").replaceChildren();
  const before = [...shown.rows].sort((one, other) => one.before - other.before);
  $("before").replaceChildren(...before.map(line));
  $("dots").replaceChildren(...shown.rows.filter((row) => row.mismatch !== null).map(dot));
  $("times").textContent = `Passages encoded in ${time(shown.encoding_ms)} (known ones are kept), `
    + `ranked in ${time(shown.ranking_ms)}.`;
  sort();
}

function line(row) {
  const text = make("p", "text", shown.passages[row.index]);
  text.dir = "auto";
  const entry = make("li", "line", make("span", "place", String(row.before)), text, bar("cosine", row.cosine));
  return tied(entry, row);
}

function bar(name, value, least = null) {
  const full = make("i");
  full.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  const track = make("span", "track", full);
  if (least !== null) {
    const tick = make("b");
    tick.style.left = `${least * 100}%`;
    track.append(tick);
  }
  track.setAttribute("aria-hidden", "true");
  return make("span", `bar ${name}`, make("span", "name", name), track, make("span", "number", number(value, least === null ? 2 : 3)));
}

function tied(entry, row) {
  entry.dataset.index = row.index;
  const light = (on) => {
    for (const other of document.querySelectorAll(`[data-index="${row.index}"]`)) other.classList.toggle("lit", on);
  };
  entry.addEventListener("pointerenter", () => light(true));
  entry.addEventListener("pointerleave", () => light(false));
  return entry;
}

function dot(row) {
  const spot = make("i");
  spot.style.left = `${row.mismatch * 100}%`;
  return tied(spot, row);
}

function card(row) {
  const kind = kindOf(row);
  const [sign, name, meaning] = VERDICTS[kind];
  const symbol = make("span", "", sign);
  symbol.setAttribute("aria-hidden", "true");
  const verdict = make("span", `verdict ${kind}`, symbol, ` ${name}`);
  verdict.title = meaning;
  const why = make("button", "quiet", "Explain");
  why.type = "button";
  why.setAttribute("aria-label", `Explain passage ${row.before} of the list before`);
  why.addEventListener("click", () => explain(row, why));
  const facts = make("div", "facts", verdict, make("span", "badge", "near-miss"), why);
  if (row.mismatch !== null) why.before(bar("mismatch", row.mismatch, threshold()));
  const rank = make("div", "rank", make("b"), make("span", "move"), make("span", "score"));
  const entry = make("li", "card", rank, make("div", "", passage(row, kind), facts));
  return tied(entry, row);
}

function passage(row, kind) {
  const whole = shown.passages[row.index];
  const text = make("p", "text");
  text.dir = "auto";
  const points = [...whole];
  const all = () => text.replaceChildren(...mark(whole, row.evidence, kind));
  if (points.length <= EXCERPT) {
    all();
    return text;
  }
  const first = Math.max(0, Math.min((row.evidence?.[0] ?? 0) - LEAD, points.length - EXCERPT));
  const last = first + EXCERPT;
  const evidence = row.evidence?.map((place) => Math.max(0, Math.min(place - first, EXCERPT)));
  const more = make("button", "quiet", `Show all ${grouped(points.length)} characters`);
  more.type = "button";
  more.addEventListener("click", all);
  text.append(
    first ? "… " : "",
    ...mark(points.slice(first, last).join(""), evidence, kind),
    last < points.length ? " … " : " ",
    more,
  );
  return text;
}

// The threshold decides between two scores that the server sent, so nobody need be asked again.
function sort() {
  const kept = shown.rows.filter((row) => scoreOf(row) !== null);
  kept.sort((one, other) => scoreOf(other) - scoreOf(one) || one.before - other.before);
  const out = shown.rows.filter((row) => scoreOf(row) === null);
  const places = positions();
  kept.forEach((row, place) => place_card(row, place + 1));
  out.forEach((row) => place_card(row, null));
  arrange($("after"), kept.map((row) => cards.get(row.index)));
  arrange($("left-out").querySelector("ul"), out.map((row) => cards.get(row.index)));
  $("left-out").hidden = !out.length;
  slide(places);
  for (const spot of $("dots").children) {
    spot.classList.toggle("near-miss", isNearMiss(shown.rows[spot.dataset.index]));
  }
  say();
}

function place_card(row, place) {
  const entry = cards.get(row.index);
  entry.classList.toggle("near-miss", isNearMiss(row));
  entry.querySelector(".rank b").textContent = place ?? "–";
  const move = entry.querySelector(".move");
  const steps = place === null ? 0 : row.before - place;
  move.className = `move ${steps > 0 ? "up" : steps < 0 ? "down" : ""}`;
  const way = steps > 0 ? "▲ " : steps < 0 ? "▼ " : "";
  move.textContent = steps || place === null ? `${way}was ${ordinal(row.before)}` : "as before";
  entry.querySelector(".badge").hidden = !isNearMiss(row);
  const tick = entry.querySelector(".track b");
  if (tick) tick.style.left = `${threshold() * 100}%`;
  const score = scoreOf(row);
  entry.querySelector(".score").textContent = score === null ? "" : `score ${number(score, 3)}`;
}

// Cards that stay are moved and not made anew, so that focus stays in them.
function arrange(list, wanted) {
  for (const entry of [...list.children]) if (!wanted.includes(entry)) entry.remove();
  wanted.forEach((entry, place) => {
    if (list.children[place] !== entry) list.insertBefore(entry, list.children[place] ?? null);
  });
}

function positions() {
  return new Map(
    [...cards].filter(([, entry]) => entry.isConnected).map(([index, entry]) => [index, entry.getBoundingClientRect().top]),
  );
}

function slide(before) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const [index, top] of before) {
    const entry = cards.get(index);
    const way = top - entry.getBoundingClientRect().top;
    if (Math.abs(way) > 1) {
      entry.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], { duration: 220, easing: "ease-out" });
    }
  }
}

function changed() {
  const passages = passagesOf($("passages").value, $("parted").value);
  return $("query").value !== shown.query || passages.join("\n\n") !== shown.passages.join("\n\n");
}

function say() {
  $("lists").classList.toggle("stale", changed());
  if (changed()) {
    $("status").textContent = "The texts have changed since: rank again.";
    return;
  }
  const count = shown.rows.filter(isNearMiss).length;
  const read = shown.rows.filter((row) => row.mismatch !== null).length;
  const total = many(shown.rows.length, "passage");
  let text = `${total}, ${read} read by the verifier: `
    + (count ? many(count, "near-miss", "near-misses") : "no near-miss");
  if (shown.threshold === null) text = `${total}. This model has no verifier, so that nothing is judged`;
  else if (!read) {
    text = `${total}, none of them read: the query may be keywords (end a statement with a full stop), no English `
      + "prose, or far from all of them";
  }
  $("status").textContent = `${text}.`;
}

// ---- explanation ----

async function explain(row, button) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true"; // and not disabled, which would take its focus
  try {
    const { path } = await ask("/playground/explanations", { query: shown.query, passage: shown.passages[row.index] });
    complain("");
    $("explanation").querySelector("iframe").src = path;
    $("explanation-tab").href = path;
    $("explanation").showModal();
  } catch (error) {
    complain(error.message);
  } finally {
    button.ariaBusy = "false";
  }
}

// ---- what the user moves ----

function count() {
  const passages = passagesOf($("passages").value, $("parted").value);
  const longest = passages.reduce((most, passage) => Math.max(most, lengthOf(passage)), 0);
  const over = passages.length > limits.max_passages || longest > limits.max_characters;
  $("count").textContent = `${grouped(passages.length)} of at most ${many(limits.max_passages, "passage")}; the longest `
    + `has ${grouped(longest)} of at most ${grouped(limits.max_characters)} characters.`;
  $("count").classList.toggle("over", over);
}

function hints() {
  $("order-hint").textContent = ORDERS[$("order").value];
  $("near-misses-hint").textContent = POLICIES[$("near-misses").value];
}

function setThreshold(value) {
  $("threshold").value = value;
  $("threshold-number").value = threshold().toFixed(3);
  if (shown !== null) sort();
}

function take(example, button) {
  for (const other of $("examples").children) other.setAttribute("aria-pressed", String(other === button));
  $("query").value = example.query;
  $("passages").value = example.passages.join("\n");
  $("parted").value = "auto";
  count();
  submit();
}

function listen() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("form").addEventListener("keydown", (event) => {
    const plain = event.key === "Enter" && !event.isComposing;
    if (plain && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  });
  for (const name of ["query", "passages", "parted"]) {
    $(name).addEventListener("input", () => {
      for (const button of $("examples").children) button.setAttribute("aria-pressed", "false");
      count();
      if (shown !== null) say();
    });
  }
  for (const name of ["order", "near-misses"]) {
    $(name).addEventListener("change", () => {
      hints();
      if (shown !== null) rank(shown.query, shown.passages);
    });
  }
  $("threshold").addEventListener("input", () => setThreshold(threshold()));
  $("threshold-number").addEventListener("input", () => {
    const value = $("threshold-number").valueAsNumber;
    if (value >= 0 && value <= 1) {
      complain("");
      $("threshold").value = value;
      if (shown !== null) sort();
    } else {
      complain(`The threshold must be a number in [0, 1], got ${$("threshold-number").value || "none"}: type one, or `
        + "take the model’s.");
    }
  });
  $("shipped").addEventListener("click", () => setThreshold(limits.threshold));
  $("explanation-close").addEventListener("click", () => $("explanation").close());
}

async function start() {
  hints();
  listen();
  try {
    limits = await ask("/playground/state");
    const examples = await ask("/playground/examples.json");
    $("model").textContent = `Model: ${limits.model}.`;
    count();
    const judges = limits.threshold !== null;
    $("shipped").textContent = judges ? `the model’s ${limits.threshold}` : "no verifier";
    for (const name of ["shipped", "threshold", "threshold-number", "near-misses"]) $(name).disabled = !judges;
    setThreshold(limits.threshold ?? 1);
    const buttons = examples.map((example) => {
      const button = make("button", "chip", example.kind);
      button.type = "button";
      button.addEventListener("click", () => take(example, button));
      return button;
    });
    $("examples").append(...buttons);
    if (!$("query").value && !$("passages").value) take(examples[0], buttons[0]);
  } catch (error) {
    complain(error.message);
  }
}

start();
