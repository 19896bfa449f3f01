"use strict";
/* Keys, command palette, tabs, cards on phones. Everything works by plain links and forms without it. */
{
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window: lasts for this page only */ } };

  /* --- command palette: sidebar, page entries (#palette-data) and data-source, filtered by words --- */
  const palette = $("#palette");
  let entries = null, shown = [], chosen = 0;

  const fromPage = () => [
    ...all("a[data-jump]").map((a) => ({ text: $("span", a).textContent, group: a.dataset.jump, href: a.href, icon: $(".icon", a) })),
    ...JSON.parse($("#palette-data")?.textContent || "[]"),
  ];
  const matches = (entry, words) => words.every((word) => `${entry.text} ${entry.group || ""}`.toLowerCase().includes(word));

  function choose(index) {
    chosen = Math.max(0, Math.min(index, shown.length - 1));
    all("li", palette).forEach((item, at) => item.setAttribute("aria-selected", at === chosen));
    $("input", palette).setAttribute("aria-activedescendant", shown.length ? `palette-${chosen}` : "");
    $(`#palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }

  function list() {
    const typed = $("input", palette).value.trim().toLowerCase();
    shown = entries.filter((entry) => matches(entry, typed.split(/\s+/))).slice(0, 40);
    const runs = palette.dataset.run;
    if (runs && /^#?\d+$/.test(typed)) {
      const number = typed.replace("#", "");
      shown.unshift({ text: `Run ${number}`, group: "Open", href: runs.replace("0", number) });
    }
    $("ul", palette).replaceChildren(...shown.map((entry, at) => {
      const item = make("li", { id: `palette-${at}`, role: "option" }, ...(entry.icon ? [entry.icon.cloneNode(true)] : []), entry.text, make("small", { textContent: entry.group || "" }));
      item.addEventListener("click", () => location.assign(entry.href));
      return item;
    }));
    $(".palette-none", palette).textContent = shown.length ? "" : "Nothing by that name.";
    choose(0);
  }

  async function more() {
    if (!palette.dataset.source) return;
    const answer = await fetch(palette.dataset.source, { headers: { Accept: "application/json" } });
    if (answer.ok) entries.push(...(await answer.json()).entries);
    list();
  }

  function open(dialog) {
    all("details.menu[open]").forEach((menu) => { menu.open = false; });
    if (dialog.open) return;
    dialog.showModal();
    if (dialog !== palette) return;
    $("input", palette).value = "";
    if (!entries) { entries = fromPage(); more().catch(() => {}); }
    list();
  }

  /* --- copy buttons: [data-copy="#what"] around a <span> that says so --- */
  async function copy(button) {
    const words = $("span", button);
    words.dataset.words ||= words.textContent;
    try {
      await navigator.clipboard.writeText($(button.dataset.copy).textContent);
      words.textContent = "Copied";
    } catch { words.textContent = "Not allowed here"; }
    setTimeout(() => { words.textContent = words.dataset.words; }, 2000);
  }

  palette?.addEventListener("input", list);
  palette?.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); choose(chosen + step); }
    if (event.key === "Enter" && shown[chosen]) { event.preventDefault(); location.assign(shown[chosen].href); }
  });
  all("dialog").forEach((dialog) => dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }));
  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-open]");
    if (opener) open($(`#${opener.dataset.open}`));
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  /* --- single keys: every [data-key] on the page, "a" or "g h"; off in fields and dialogs, or for good --- */
  const keys = $("#keys");
  const keysOn = () => stored("keys") !== "off";
  const busy = (target) => $("dialog[open]") || target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")?.checkVisibility();
  let before = "", timer = 0;

  function describe() {
    const known = all("[data-key]").map((element) => [element.dataset.key, element.dataset.keyLabel || ($("span:not(.count)", element) || element).textContent.trim()]);
    $("dl", keys).replaceChildren(...[["Ctrl K", "Search or jump to"], ["?", "This list"], ...known].map(([key, label]) =>
      make("div", {}, make("dt", { textContent: label }), make("dd", {}, ...key.split(" ").flatMap((part) => [make("kbd", { textContent: part.length === 1 ? part.toUpperCase() : part }), " "])))));
  }

  function press(key) {
    const target = $(`[data-key="${CSS.escape(before ? `${before} ${key}` : key)}"]`);
    before = before || !$(`[data-key^="${CSS.escape(key)} "]`) ? "" : key;
    clearTimeout(timer);
    timer = setTimeout(() => { before = ""; }, 1200);
    if (!target || target.disabled) return false;
    target.click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && palette) { event.preventDefault(); open(palette); return; }
    if (event.key === "Escape") {
      const menu = $("details.menu[open]");
      if (menu) { menu.open = false; $("summary", menu).focus(); }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || busy(event.target) || !keysOn()) return;
    if (event.key === "?" && keys) { event.preventDefault(); open(keys); return; }
    if (event.key.length === 1 && press(event.key.toLowerCase())) event.preventDefault();
  });
  if (keys) {
    keys.addEventListener("toggle", describe);
    $("#keys-on").checked = keysOn();
    $("#keys-on").addEventListener("change", (event) => store("keys", event.target.checked ? "on" : "off"));
    describe();
  }

  /* --- tabs, one level: fieldsets and inlines of class "tab", or the [data-tab] parts of a [data-tabs] --- */
  function tabs(parts, titleOf, place) {
    const bar = make("div", { className: "tabs", role: "tablist" });
    const buttons = parts.map((part, at) => {
      part.id ||= `part-${at}`;
      const button = make("button", { type: "button", role: "tab", id: `tab-${part.id}` }, titleOf(part));
      button.setAttribute("aria-controls", part.id);
      part.setAttribute("role", "tabpanel");
      part.setAttribute("aria-labelledby", button.id);
      const flaws = all(".errorlist li", part).length;
      if (flaws) button.append(make("span", { className: "flaw", title: `${flaws} to correct`, textContent: `${flaws}` }), make("span", { className: "visually-hidden", textContent: " to correct" }));
      button.dataset.slug = `#${titleOf(part).toLowerCase().replace(/\W+/g, "-")}`;
      button.addEventListener("click", () => { select(at); history.replaceState(null, "", button.dataset.slug); });
      return button;
    });
    const select = (index) => parts.forEach((part, at) => {
      part.hidden = at !== index;
      buttons[at].setAttribute("aria-selected", at === index);
      buttons[at].tabIndex = at === index ? 0 : -1;
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
      select(next);
      buttons[next].focus();
    });
    bar.append(...buttons);
    place.before(bar);
    const flawed = parts.findIndex((part) => $(".errorlist li", part));
    select(flawed >= 0 ? flawed : Math.max(0, buttons.findIndex((button) => button.dataset.slug === location.hash)));
  }

  function adminTabs() {
    const boxed = (part) => { const box = make("div"); part.before(box); box.append(part); return box; };
    const parts = all(".admin-form fieldset.tab").map((part) => part.closest(".inline-group") || boxed(part));
    const heading = (part) => $(".fieldset-heading, .inline-heading", part);
    if (!parts.length) return;
    tabs(parts, (part) => heading(part).textContent.trim(), parts[0]);
    parts.forEach((part) => heading(part).classList.add("visually-hidden"));
  }

  /* --- tables that turn into cards on phones: cells get their column's name, the table keeps its roles --- */
  function name(table) {
    const titles = all("thead th", table).map((cell) => cell.dataset.title ?? cell.textContent.trim());
    for (const [tag, role] of [["thead, tbody", "rowgroup"], ["tr", "row"], ["td", "cell"], ["thead th", "columnheader"], ["tbody th", "rowheader"]]) {
      all(tag, table).forEach((element) => element.setAttribute("role", role));
    }
    table.setAttribute("role", "table");
    all("tbody tr", table).forEach((row) => {
      [...row.cells].forEach((cell, at) => { if (titles[at] && cell.colSpan === 1) cell.dataset.label = titles[at]; });
      if (!table.matches(".cards")) return;
      const title = $("th", row) || row.cells[0];
      const state = [...row.cells].find((cell) => cell !== title && cell.firstElementChild?.matches(".pill"));
      title.dataset.role = "title";
      if (state) state.dataset.role = "state";
      [...row.cells].forEach((cell) => { if (cell !== title && ["", "-", "–"].includes(cell.textContent.trim()) && !cell.children.length) cell.dataset.role = "empty"; });
    });
    table.dataset.cards = "";
  }

  /* --- a slider's number beside it: <output for="..."> --- */
  document.addEventListener("input", (event) => {
    if (event.target.type !== "range") return;
    const shown = $(`output[for="${event.target.id}"]`);
    if (shown) shown.value = event.target.value;
  });

  /* --- things that scroll can be reached by keyboard --- */
  const reachable = (box) => { if (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0; };

  function enhance(part) {
    all("table.cards, .tabular table", part).forEach(name);
    all("[data-tabs]", part).forEach((box) => tabs(all("[data-tab]", box), (item) => item.dataset.tab, all("[data-tab]", box)[0]));
    all(".code, .results, .steps", part).forEach(reachable);
  }

  /* --- what Django's autocomplete leaves unnamed --- */
  function nameAutocompletes() {
    all("select.admin-autocomplete").forEach((select) => {
      const box = $(".select2-selection", select.parentElement), value = $(".select2-selection__rendered", select.parentElement);
      if (!box || !value) return;
      value.removeAttribute("role");
      value.removeAttribute("aria-readonly");
      const label = select.labels[0];
      if (!label) { box.setAttribute("aria-label", select.getAttribute("aria-label")); return; }
      label.id ||= `${select.id}_label`;
      box.setAttribute("aria-labelledby", `${label.id} ${value.id}`);
    });
    window.django.jQuery(document).on("select2:open", (event) => {
      const field = $(".select2-container--open .select2-search__field"), box = $(".select2-selection", event.target.parentElement);
      field?.setAttribute("aria-label", "Search");
      box.setAttribute("aria-controls", box.getAttribute("aria-owns"));
    });
  }

  enhance(document);
  adminTabs();
  window.django?.jQuery?.(nameAutocompletes);
  const blank = $(".actions option[value='']");
  if (blank) blank.textContent = "Choose an action";
  document.addEventListener("htmx:afterSwap", (event) => enhance(event.target.parentElement || document));
  root.dataset.keys = "ready";
}
