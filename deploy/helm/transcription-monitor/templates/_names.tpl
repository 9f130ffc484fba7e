{{- define "tmon.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "tmon.selector" -}}
app.kubernetes.io/name: transcription-monitor
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tmon.labels" -}}
{{ include "tmon.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tmon.url" -}}
http://{{ include "tmon.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{- define "tmon.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "tmon.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "tmon.monitorPod" -}}
serviceAccountName: {{ include "tmon.name" . }}
automountServiceAccountToken: false
# Longer than the last requests and the last commit take.
terminationGracePeriodSeconds: 60
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "tmon.podSecurity" . | nindent 2 }}
containers:
  - name: monitor
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    securityContext: {{- include "tmon.containerSecurity" . | nindent 6 }}
    ports:
      - { name: http, containerPort: 8080 }
      - { name: metrics, containerPort: 9464 }
    env:
      - { name: TMON_LISTEN, value: "0.0.0.0:8080" }
      - { name: TMON_METRICS_LISTEN, value: "0.0.0.0:9464" }
      - name: TMON_ADMIN_KEY_HASH
        valueFrom:
          secretKeyRef:
            name: {{ required "monitor.adminKeyHash.existingSecret: a secret with the hash that `tmon keys generate` prints" .Values.monitor.adminKeyHash.existingSecret }}
            key: {{ .Values.monitor.adminKeyHash.key }}
      {{- if eq .Values.monitor.storage "s3" }}
      {{- with .Values.monitor.s3 }}
      - { name: TMON_STORE, value: {{ required "monitor.s3.url: s3://bucket/prefix" .url | quote }} }
      {{- if .region }}
      - { name: AWS_REGION, value: {{ .region | quote }} }
      {{- end }}
      {{- if .endpoint }}
      - { name: AWS_ENDPOINT_URL_S3, value: {{ .endpoint | quote }} }
      {{- end }}
      {{- end }}
      {{- else }}
      - { name: TMON_STORE, value: "dir:/data/store" }
      {{- end }}
      {{- range $name, $value := .Values.monitor.env }}
      - { name: {{ $name }}, value: {{ $value | quote }} }
      {{- end }}
    {{- if and (eq .Values.monitor.storage "s3") .Values.monitor.s3.existingSecret }}
    envFrom:
      - secretRef: { name: {{ .Values.monitor.s3.existingSecret }} }
    {{- end }}
    # Reading a long journal takes a while: up to ten minutes.
    startupProbe:
      httpGet: { path: /readyz, port: http }
      periodSeconds: 2
      failureThreshold: 300
    readinessProbe:
      httpGet: { path: /readyz, port: http }
      periodSeconds: 5
    livenessProbe:
      httpGet: { path: /livez, port: http }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    lifecycle:
      # Until no proxy sends new requests here.
      preStop: { sleep: { seconds: 5 } }
    resources: {{- toYaml .Values.monitor.resources | nindent 6 }}
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      {{- if eq .Values.monitor.storage "volume" }}
      - { name: data, mountPath: /data }
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
{{- with .Values.monitor.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.monitor.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.monitor.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
