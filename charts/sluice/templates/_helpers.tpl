{{/* Name of the release's objects: "sluice" for the release "sluice", "x-sluice" for "x". */}}
{{- define "sluice.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, since a Deployment's selector cannot. Takes (dict "root" $ "component" "operator"). */}}
{{- define "sluice.selectorLabels" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "sluice.labels" -}}
{{ include "sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Image of a component: its own reference, or registry/sluice-<component>:<tag>. */}}
{{- define "sluice.image" -}}
{{- $own := (index .root.Values .component).image -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- $own | default (printf "%s/sluice-%s:%s" .root.Values.image.registry .component $tag) -}}
{{- end -}}

{{/* What both Deployments' pods have in common: Pod Security "restricted", spread over nodes, and the values' placement. */}}
{{- define "sluice.podSettings" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "sluice.fullname" .root }}-{{ .component }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sluice.selectorLabels" . | nindent 8 }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The Secret with the adapter's certificate. */}}
{{- define "sluice.adapterSecret" -}}
{{- if eq .Values.adapter.tls.mode "existingSecret" -}}
{{- required "adapter.tls.existingSecret must name a Secret where adapter.tls.mode is existingSecret" .Values.adapter.tls.existingSecret -}}
{{- else -}}
{{- include "sluice.fullname" . }}-adapter-tls
{{- end -}}
{{- end -}}

{{/* The name by which the API server calls the adapter. */}}
{{- define "sluice.adapterHost" -}}
{{- printf "%s-adapter.%s.svc" (include "sluice.fullname" .) .Release.Namespace -}}
{{- end -}}
