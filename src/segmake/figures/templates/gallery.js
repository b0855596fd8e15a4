"use strict";
// Show the cases of one kind that hold what is searched for. The address may name a kind: quality.html#warned
for (const form of document.querySelectorAll("form.filter")) {
  const cards = [...form.parentElement.querySelectorAll(".gallery > li")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const told = form.querySelector("output");
  const show = () => {
    const kind = new FormData(form).get("kind");
    const words = form.querySelector("[type=search]").value.toLowerCase().split(/\s+/);
    let count = 0;
    cards.forEach((card, i) => {
      const right = kind === "all" || card.dataset.kinds.split(" ").includes(kind);
      card.hidden = !(right && words.every((word) => texts[i].includes(word)));
      count += !card.hidden;
    });
    told.textContent = `${count} of ${cards.length} cases`;
  };
  const follow = () => {
    const named = [...form.elements.kind].find((radio) => "#" + radio.value === location.hash);
    if (!named) return;
    named.checked = true;
    show();
    form.parentElement.scrollIntoView();
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  show();
  follow();
}
