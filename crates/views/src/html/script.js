"use strict";
(() => {
  // Tables: a button in each head, by which the rows are sorted.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const value = (row, column) => {
      const cell = row.cells[column];
      const text = cell.dataset.v ?? cell.textContent.trim();
      return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
    };
    heads.forEach((head, column) => {
      if (head.classList.contains("nosort")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.dataset.first === "up" ? "ascending" : "descending";
        const order = now === null ? first : now === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row, at) => ({ row, at, key: value(row, column) }));
        // What is unknown, or never, stays at the end.
        rows.sort((a, b) => {
          const numbers = typeof a.key === "number" && typeof b.key === "number";
          if (!numbers && typeof a.key !== typeof b.key) return typeof a.key === "number" ? -1 : 1;
          const by = numbers ? a.key - b.key : String(a.key).localeCompare(String(b.key));
          return sign * by || a.at - b.at;
        });
        body.append(...rows.map((one) => one.row));
      });
    });
  }
  // The log: one stop for the Tab key, arrow keys from line to line.
  for (const lines of document.querySelectorAll(".lines")) {
    const all = [...lines.querySelectorAll(".l[tabindex]")];
    all.slice(1).forEach((line) => (line.tabIndex = -1));
    const go = (from, to) => {
      if (!to) return;
      from.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    };
    lines.addEventListener("keydown", (event) => {
      const at = all.indexOf(event.target);
      if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (event.key === "Escape") event.target.blur();
      if (to === undefined) return;
      event.preventDefault();
      go(event.target, all[to]);
    });
    lines.addEventListener("focusin", (event) => {
      if (!all.includes(event.target)) return;
      all.forEach((line) => (line.tabIndex = line === event.target ? 0 : -1));
    });
  }
  // A task's name leads to its line: with the line's meaning.
  const visit = () => {
    const line = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (line && line.matches(".l[tabindex]")) line.focus();
  };
  addEventListener("hashchange", visit);
  visit();
})();
