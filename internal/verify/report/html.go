package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"cindergate/internal/verify"
)

// page is a report as one file without scripts and without anything that a browser would
// load. template escapes all that comes from the endpoint.
var page = template.Must(template.New("").Funcs(template.FuncMap{"curl": Curl}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.R.URL}}: {{.Line}}</title>
<style>
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --dim: #6e7781; --edge: #d0d7de; --code: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149; --dim: #8b949e; --edge: #30363d; --code: #161b22; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--edge); white-space: nowrap; vertical-align: top; }
td.wrap { white-space: normal; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .dim { color: var(--dim); }
pre { background: var(--code); border: 1px solid var(--edge); padding: .6rem; overflow-x: auto; white-space: pre-wrap; word-break: break-word; font-size: .85rem; }
</style>
</head>
<body>
<h1>{{.Line}}</h1>
<p>{{.R.URL}} as {{.R.Role}}, {{.R.Began.UTC.Format "2006-01-02 15:04 UTC"}}, run {{.R.RunID}}, {{.R.Requests}} requests in {{printf "%.1f" .R.Took.Seconds}} s.
Release: {{.R.Release.Name}}{{range .R.Release.Signs}}; {{.}}{{end}}.</p>
<h2>Capabilities</h2>
<div class="scroll"><table>
<tr><th></th>{{range .Columns}}<th>{{.Role}}</th>{{end}}</tr>
<tr><th>Capability</th>{{range .Columns}}<th>{{.Version}}</th>{{end}}</tr>
{{range .Rows}}<tr><td>{{.Name}}</td>{{range .Cells}}<td class="{{.Class}}">{{.Text}}</td>{{end}}</tr>
{{end}}</table></div>
{{if .Deviations}}<h2>Deviations</h2>
{{range .Deviations}}<h3>{{if .Case.Risk}}<span class="bad">DATA RISK</span> {{end}}{{.Case.Name}} at {{.Microversion}}, as {{.Role}}</h3>
<p>{{.Case.Rule}}<br><span class="dim">{{.Case.Source}}</span></p>
<pre><span class="good">- {{.Deviation.Expected}}</span>
<span class="bad">+ {{.Deviation.Got}}</span>{{with .Deviation.Exchange}}

{{curl .}}

{{.Status}} {{.Reason}}
{{.Content}}{{end}}</pre>
{{end}}{{end}}
{{if .Others}}<h2>Not offered or not tested</h2>
<div class="scroll"><table><tr><th>Case</th><th>Outcome</th><th>Reason</th></tr>
{{range .Others}}<tr><td>{{.Case.Name}}</td><td class="dim">{{.Outcome}}</td><td class="wrap">{{.Reason}}</td></tr>
{{end}}</table></div>{{end}}
{{if .R.Left}}<h2 class="bad">Left behind</h2><ul>{{range .R.Left}}<li>{{.}}</li>{{end}}</ul>{{end}}
<h2>Cases</h2>
<div class="scroll"><table><tr><th>Case</th><th>At</th><th>Outcome</th><th>Rule</th></tr>
{{range .R.Results}}<tr><td>{{.Case.Name}}</td><td>{{.Microversion}}</td><td>{{.Outcome}}</td><td class="wrap">{{.Case.Rule}}</td></tr>
{{end}}</table></div>
</body>
</html>
`))

type htmlColumn struct{ Role, Version string }

type htmlRow struct {
	Name  string
	Cells []htmlCell
}

type htmlCell struct{ Text, Class string }

// HTML writes a report for a browser.
func HTML(w io.Writer, r *verify.Report) error {
	data := struct {
		R          *verify.Report
		Line       string
		Columns    []htmlColumn
		Rows       []htmlRow
		Deviations []verify.Result
		Others     []verify.Result
	}{R: r, Line: r.Line()}
	cols := columns(r)
	for _, c := range cols {
		data.Columns = append(data.Columns, htmlColumn{c.role, c.microversion})
	}
	for _, s := range r.Capabilities() {
		row := htmlRow{Name: s.Capability}
		for _, c := range cols {
			score := r.Cell(s.Capability, c.role, c.microversion)
			class := "dim"
			switch {
			case score.Deviates > 0:
				class = "bad"
			case score.Passed > 0:
				class = "good"
			}
			row.Cells = append(row.Cells, htmlCell{cell(score), class})
		}
		data.Rows = append(data.Rows, row)
	}
	for i := range r.Results {
		switch c := r.Results[i]; c.Outcome {
		case verify.Deviates:
			data.Deviations = append(data.Deviations, c)
		case verify.NotOffered, verify.NotTested:
			data.Others = append(data.Others, c)
		case verify.Passed:
		}
	}
	var b strings.Builder
	if err := page.Execute(&b, data); err != nil {
		return err
	}
	_, err := io.WriteString(w, printable(b.String())) // an endpoint may send control characters
	return err
}

// Badge writes an SVG image that says how many capabilities the endpoint has.
func Badge(w io.Writer, r *verify.Report) error {
	text, _, _ := strings.Cut(r.Line(), ";")
	color := "#2da44e"
	switch {
	case r.Risks() > 0:
		text, color = text+", DATA RISK", "#cf222e"
	case r.Count(verify.Deviates) > 0:
		color = "#bf8700"
	case r.Count(verify.Passed) == 0 || r.Ended != "":
		text, color = "not tested", "#6e7781"
	}
	const label, letter = "Cinder backup API", 7 // pixels of a letter, about
	left, right := len(label)*letter+12, len(text)*letter+12
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[5]s: %[6]s"><title>%[5]s: %[6]s</title>`+
		`<rect width="%[2]d" height="20" fill="#444c56"/><rect x="%[2]d" width="%[3]d" height="20" fill="%[4]s"/>`+
		`<g fill="#fff" font-family="Verdana,sans-serif" font-size="11"><text x="6" y="14">%[5]s</text><text x="%[7]d" y="14">%[6]s</text></g></svg>`+"\n",
		left+right, left, right, color, label, template.HTMLEscapeString(text), left+6)
	return err
}
