{{- define "cindergate.name" -}}
{{- if contains "cindergate" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-cindergate" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "cindergate.selector" -}}
app.kubernetes.io/name: cindergate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cindergate.labels" -}}
{{ include "cindergate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "cindergate.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "cindergate.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- /* The configuration file: the user's settings, and those that the pod dictates. */ -}}
{{- define "cindergate.config" -}}
{{- $own := dict "listen" "0.0.0.0:8776" "data" "/data" "metrics" (dict "listen" (printf "0.0.0.0:%d" (int .Values.metrics.port))) -}}
{{- toYaml (merge $own (deepCopy .Values.config)) }}
{{- end }}
