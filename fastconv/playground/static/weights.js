// A dialog to change the weights of a neuron by hand.

const element = (id) => document.getElementById(id);

// Opens the dialog. `entries` has {name, source, values}; `focused` is the index of the entry to begin with.
// onChange(source, piece, value) is called for each change.
export function openWeights(title, entries, focused, onChange) {
  element("weights-title").textContent = title;
  const rows = entries.map((entry) => row(entry, onChange));
  element("weights-list").replaceChildren(...rows);
  element("close-weights").onclick = () => element("weights").close();
  element("weights").showModal();
  rows[focused].querySelector("input").focus();
}

function row({ name, source, values }, onChange) {
  const group = document.createElement("p");
  group.append(Object.assign(document.createElement("span"), { textContent: name }));
  values.forEach((value, piece) => {
    const input = Object.assign(document.createElement("input"), { type: "number", step: 0.1, min: -100, max: 100 });
    input.value = Number(value.toFixed(3));
    input.setAttribute("aria-label", values.length > 1 ? `${name}, piece ${piece + 1}` : name);
    input.oninput = () => {
      const { valueAsNumber } = input;
      if (Math.abs(valueAsNumber) <= 100) onChange(source, piece, valueAsNumber);
    };
    group.append(input);
  });
  return group;
}
